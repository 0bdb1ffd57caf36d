/**
 * What models of later generations have besides: fields required with arguments, overrides, keys in objects, unions,
 * enums and interfaces that differ between subgraphs, and names that every JavaScript object has. Decided after the
 * rest of the model is made, by a generator of its own, so that earlier generations stay as they were.
 */
import type { EntityModel, FieldModel, Model } from './model.ts';
import { COLOURS } from './model.ts';
import { Random } from './random.ts';

/** Names that every JavaScript object has. */
const INHERITED_NAMES = ['constructor', 'valueOf', 'hasOwnProperty', 'isPrototypeOf'];

/** Changes a model that is otherwise ready. */
export function varyModel(model: Model): void {
  const random = new Random(model.seed ^ 0x5eed);
  for (const entity of model.entities) {
    requireWithArguments(entity, random);
    overrideFields(entity, model.subgraphs, random);
    for (let index = 1; index < entity.keys.length; index++) if (random.chance(0.15)) entity.keys[index] = 'nested';
  }
  for (const root of model.roots)
    if (root.owners.length === 1 && random.chance(0.15)) override(root, model.subgraphs, random);
  inheritNames(model, random);
  narrowTypes(model, random);
}

function requireWithArguments(entity: EntityModel, random: Random): void {
  for (const field of entity.fields) {
    const { requires } = field;
    if (requires === undefined || requires.shape !== 'leaf' || requires.provided || !random.chance(0.6)) continue;
    requires.hasArgument = true;
    field.requiresArgument = random.chance(0.8) ? random.below(3) : undefined;
  }
  // Two fields of one subgraph that require one field with different arguments.
  for (const field of entity.fields.filter(({ requires }) => requires?.hasArgument === true)) {
    if (!random.chance(0.5)) continue;
    entity.fields.push({
      ...field,
      name: `${field.name}b`,
      requiresArgument: random.below(3),
      hasArgument: random.chance(0.3),
    });
  }
}

function overrideFields(entity: EntityModel, subgraphs: number, random: Random): void {
  const required = new Set(entity.fields.flatMap(({ requires }) => requires ?? []));
  for (const field of entity.fields) {
    const isPlain =
      field.owners.length === 1 &&
      field.requires === undefined &&
      field.provides === undefined &&
      !field.provided &&
      !required.has(field);
    if (isPlain && random.chance(0.15)) override(field, subgraphs, random);
  }
}

function override(field: FieldModel, subgraphs: number, random: Random): void {
  const [from] = field.owners as [number];
  field.owners = [(from + 1 + random.below(subgraphs - 1)) % subgraphs];
  field.override = { from, label: random.chance(0.5) ? `percent(${random.pick([0, 25, 50, 100])})` : undefined };
}

function inheritNames(model: Model, random: Random): void {
  for (const entity of model.entities) {
    if (!random.chance(0.3)) continue;
    random.pick(entity.fields).name = random.pick(INHERITED_NAMES);
  }
  if (random.chance(0.2)) random.pick(model.roots).name = random.pick(INHERITED_NAMES);
  if (model.common.length > 0 && random.chance(0.2)) random.pick(model.common).name = 'toString';
}

/** Where a subgraph answers with a union, an interface or an enum nowhere itself, it may know less of it. */
function narrowTypes(model: Model, random: Random): void {
  const fields = [
    ...model.entities.flatMap((entity) => entity.fields),
    ...model.common,
    ...model.roots,
    ...model.mutations,
    ...model.subscriptions,
  ];
  const uses = (index: number, type: string) =>
    fields.some(
      (field) =>
        field.type === type &&
        (field.owners.includes(index) || field.override?.from === index || field.provided || field.safe),
    );
  model.narrow = Array.from({ length: model.subgraphs }, (_, index) => ({
    union:
      !uses(index, 'U') && random.chance(0.5)
        ? random.some(
            model.entities.filter(({ inU }) => inU).map(({ name }) => name),
            1,
          )
        : undefined,
    colours: !uses(index, 'Colour') && random.chance(0.5) ? random.some(COLOURS, 1) : undefined,
    outsideI:
      index > 0 && !uses(index, 'I') && random.chance(0.5)
        ? random.some(model.entities.filter(({ implementsI }) => implementsI).map(({ name }) => name))
        : [],
  }));
}
