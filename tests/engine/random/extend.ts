/**
 * What models of the newest generation have besides: fields of interface objects that require, long numbers as values,
 * arguments and keys, and arguments with `@oneOf`. As with `vary.ts`, decided by a generator of its own.
 */
import { SCALARS, type EntityModel, type FieldModel, type Model } from './model.ts';
import { Random } from './random.ts';

/** Changes a model that is otherwise ready. */
export function extendModel(model: Model): void {
  const random = new Random(model.seed ^ 0x3417);
  model.extended = true;
  requireOnInterface(model, random);
  for (const entity of model.entities)
    for (let index = 1; index < entity.keys.length; index++) if (random.chance(0.12)) entity.keys[index] = 'number';
  for (const field of allFields(model)) {
    if (field.shape === 'leaf' && field.type !== 'Colour' && random.chance(0.15)) field.type = 'Decimal';
    // Those that are required are asked for with numbers.
    if (field.hasArgument && !field.safe && random.chance(0.5)) field.argumentType = random.pick(['Decimal', 'By']);
  }
}

/** Fields of the interface object require common ones, which other subgraphs have of each type. */
function requireOnInterface(model: Model, random: Random): void {
  for (const field of model.objectFields) {
    if (!random.chance(0.6)) continue;
    const candidates = model.common.filter(({ nonNull, hasArgument }) => !nonNull && !hasArgument);
    const required = candidates.length > 0 && random.chance(0.7) ? random.pick(candidates) : newCommon(model, random);
    required.safe = true;
    field.requires = required;
  }
}

function newCommon(model: Model, random: Random): FieldModel {
  const field: FieldModel = {
    name: `c${model.common.length}`,
    shape: 'leaf',
    // Some subgraphs know less of the enum.
    type: random.pick(SCALARS.filter((type) => type !== 'Colour')),
    nonNull: false,
    itemNonNull: false,
    hasArgument: false,
    owners: [random.below(model.subgraphs)],
    provided: false,
    safe: false,
  };
  model.common.push(field);
  return field;
}

const allFields = (model: Model): FieldModel[] => [
  ...model.entities.flatMap(({ fields }: EntityModel) => fields),
  ...model.common,
  ...model.objectFields,
  ...model.roots,
  ...model.mutations,
  ...model.subscriptions,
];
