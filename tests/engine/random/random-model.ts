/** Makes the model of a seed. */
import { SCALARS, type EntityModel, type FieldModel, type Model, type Shape } from './model.ts';
import { extendModel } from './extend.ts';
import { Random } from './random.ts';
import { varyModel } from './vary.ts';

/**
 * How models are made: what is added changes what a seed makes, and failures are kept with the generation that they are
 * of.
 */
export const GENERATION = 3;

/** @param generation 0: without compound keys; 1: without what `vary.ts` adds; 2: without what `extend.ts` adds */
export function randomModel(seed: number, generation = GENERATION): Model {
  const random = new Random(seed);
  const subgraphs = 2 + random.below(3);
  const names = ['A', 'B', 'C', 'D'].slice(0, 2 + random.below(3));
  const entities: EntityModel[] = names.map((name, index) => ({
    name,
    fields: [],
    implementsI: index < 2 || random.chance(0.5),
    inU: index < 2,
    keys: [],
  }));
  const errors = random.chance(0.5);
  const hasInterfaceObject = random.chance(0.4);
  let count = 0;
  const field = (shape: Shape, owners: number[]): FieldModel => ({
    name: `f${count++}`,
    shape,
    type:
      shape === 'leaf'
        ? random.pick(SCALARS)
        : shape === 'value'
          ? 'V'
          : shape.startsWith('abstract')
            ? random.pick(['I', 'U'])
            : random.pick(names),
    nonNull: random.chance(0.25),
    itemNonNull: random.chance(0.3),
    hasArgument: random.chance(0.2),
    owners,
    provided: false,
    safe: false,
  });
  const anySubgraph = () => random.below(subgraphs);
  const shapes: readonly Shape[] = ['leaf', 'leaf', 'leaf', 'one', 'many', 'value', 'abstract', 'abstracts'];

  const common = Array.from({ length: random.below(3) }, () => field('leaf', [anySubgraph()]));
  const objectFields = hasInterfaceObject
    ? Array.from({ length: 1 + random.below(2) }, () => field('leaf', [subgraphs]))
    : [];
  // The planner asks an interface object's subgraph for more types than the client names: a violation there would reach
  // further.
  for (const objectField of objectFields) objectField.nonNull = false;
  for (const entity of entities) {
    for (let index = 1 + random.below(5); index > 0; index--) {
      const owners = random.chance(0.15) ? random.some([...Array(subgraphs).keys()], 2) : [anySubgraph()];
      entity.fields.push(field(random.pick(shapes), owners));
    }
    // Subgraph 0 knows both keys, so that each subgraph can be reached from each.
    entity.keys = Array.from({ length: subgraphs }, (_, subgraph) =>
      subgraph === 0 ? 'both' : random.chance(0.2) ? 'sku' : random.chance(0.2) ? 'both' : 'id',
    );
    addRequires(entity, random, () => `f${count++}`);
  }
  for (const entity of entities) addProvides(entity, entities, random);
  const roots = Array.from({ length: 2 + random.below(3) }, () =>
    field(random.pick(['one', 'many', 'abstract', 'abstracts', 'leaf'] as const), [anySubgraph()]),
  );
  for (const root of roots) root.nonNull = false;
  const fieldsOf = (least: number) =>
    Array.from({ length: least + random.below(3) }, () => ({
      ...field(random.pick(['one', 'many', 'abstract', 'leaf'] as const), [anySubgraph()]),
      nonNull: false,
    }));
  const mutations = fieldsOf(2);
  const subscriptions = fieldsOf(1);
  if (generation >= 1) {
    // Subgraph 0 knows both keys and so the compound one: it can be reached from each.
    for (const { keys } of entities)
      for (let index = 1; index < keys.length; index++) if (random.chance(0.25)) keys[index] = 'compound';
  }
  const model: Model = {
    seed,
    subgraphs,
    entities,
    common,
    objectFields,
    roots,
    mutations,
    subscriptions,
    errors,
    log: [],
  };
  if (generation >= 2) varyModel(model);
  if (generation >= 3) extendModel(model);
  return model;
}

function addRequires(entity: EntityModel, random: Random, name: () => string): void {
  const required = entity.fields.filter(
    ({ shape, nonNull, owners }) => (shape === 'leaf' || shape === 'value') && !nonNull && owners.length === 1,
  );
  for (const needed of required) {
    if (!random.chance(0.35)) continue;
    const elsewhere = entity.keys.map((_, subgraph) => subgraph).filter((subgraph) => subgraph !== needed.owners[0]);
    needed.safe = true;
    needed.hasArgument = false;
    entity.fields.push({
      name: name(),
      shape: 'leaf',
      type: random.pick(SCALARS),
      nonNull: false,
      itemNonNull: false,
      hasArgument: random.chance(0.3),
      owners: [random.pick(elsewhere)],
      requires: needed,
      provided: false,
      safe: false,
    });
  }
}

function addProvides(entity: EntityModel, entities: readonly EntityModel[], random: Random): void {
  for (const field of entity.fields) {
    if ((field.shape !== 'one' && field.shape !== 'many') || field.owners.length > 1 || !random.chance(0.4)) continue;
    const target = entities.find(({ name }) => name === field.type)!;
    const candidates = target.fields.filter(
      (candidate) =>
        candidate.shape === 'leaf' &&
        !candidate.owners.includes(field.owners[0]!) &&
        candidate.requires === undefined &&
        !candidate.hasArgument,
    );
    if (candidates.length === 0) continue;
    field.provides = random.pick(candidates);
    field.provides.provided = true;
  }
}
