/**
 * Random data models, and what their fields answer. An answer depends on nothing but the model's seed, the object, the
 * field, its argument and what the field requires: so the uncut schema and any cut of it must agree.
 */
import { hash, Random } from './random.ts';
import { varyModel } from './vary.ts';

export type Shape = 'leaf' | 'one' | 'many' | 'value' | 'abstract' | 'abstracts';

export interface FieldModel {
  name: string;
  shape: Shape;
  /** A scalar, `Colour`, an entity, `V`, `I` or `U`. */
  type: string;
  nonNull: boolean;
  itemNonNull: boolean;
  hasArgument: boolean;
  /** Subgraphs that resolve it; more than one for `@shareable`. */
  owners: number[];
  /** A nullable field of the same entity, owned elsewhere, that its answer is made of. */
  requires?: FieldModel;
  /** The argument with which it requires it; undefined for none, which means 3 where there is one. */
  requiresArgument?: number;
  /** The subgraph that it was in before, which still has it. */
  override?: { from: number; label: string | undefined };
  /** A field of its entities that its subgraph can tell at once though another owns it. */
  provides?: FieldModel;
  /** Whether another subgraph provides it somewhere. */
  provided: boolean;
  /** Never fails: others depend on it. */
  safe: boolean;
}

export interface EntityModel {
  name: string;
  fields: FieldModel[];
  /** Whether it implements `I`. */
  implementsI: boolean;
  inU: boolean;
  /** By subgraph: the key with which it knows the entity. */
  keys: ('id' | 'sku' | 'both' | 'compound' | 'nested')[];
}

export interface Model {
  seed: number;
  subgraphs: number;
  entities: EntityModel[];
  /** Fields that all implementers of `I` have, by the subgraph that owns them. */
  common: FieldModel[];
  /** Fields of `I` that a subgraph of its own gives with `@interfaceObject`. */
  objectFields: FieldModel[];
  roots: FieldModel[];
  mutations: FieldModel[];
  subscriptions: FieldModel[];
  errors: boolean;
  /** What subgraphs know less of than others, by subgraph; undefined for all of it. */
  narrow?: { union: string[] | undefined; colours: string[] | undefined; outsideI: string[] }[];
  /** Mutations in the order in which they ran. */
  readonly log: string[];
}

export const SCALARS = ['Int', 'String', 'Boolean', 'Float', 'ID', 'Colour'] as const;
export const COLOURS = ['RED', 'GREEN', 'BLUE'] as const;

/** Fields of the value type `V`. */
export const VALUE_FIELDS: readonly Pick<FieldModel, 'name' | 'type' | 'nonNull'>[] = [
  { name: 'a', type: 'Int', nonNull: false },
  { name: 'b', type: 'String', nonNull: false },
];

/**
 * How models are made: what is added changes what a seed makes, and failures are kept with the generation that they are
 * of.
 */
const GENERATION = 2;

/** @param generation 0: without compound keys; 1: without what `vary.ts` adds */
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

export interface Reference {
  __typename: string;
  id: string;
  sku: string;
  [key: string]: unknown;
}

/** The injected fault of a field. */
export class InjectedError extends Error {}

/** What fields of a model answer. */
export class ModelData {
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
  }

  /**
   * @param required the value that the field requires
   * @throws InjectedError where the model has one
   */
  resolve(typeName: string, id: string, field: FieldModel, argument: unknown, required?: unknown): unknown {
    const h = hash(this.#model.seed, typeName, id, field.name, argument ?? null, required ?? null);
    const roll = h % 100;
    if (this.#model.errors && !field.safe && roll < 8)
      throw new InjectedError(`${typeName}.${field.name} of ${id} failed`);
    if (!field.nonNull && roll < 20) return null;
    // Of fields that may not be null, few are: the null would reach the root too often.
    if (this.#model.errors && !field.safe && field.nonNull && roll === 99) return null;
    switch (field.shape) {
      case 'leaf':
        return leaf(field.type, h);
      case 'value':
        return { __typename: 'V', id: `${typeName}.${id}.${field.name}.${JSON.stringify(argument ?? null)}` };
      case 'one':
      case 'abstract':
        return this.#reference(field.type, h);
      case 'many':
      case 'abstracts':
        return Array.from({ length: h % 4 }, (_, index) => {
          const item = hash(h, index);
          return !field.itemNonNull && item % 9 === 0 ? null : this.#reference(field.type, item);
        });
    }
  }

  value(id: string, name: string): unknown {
    const field = VALUE_FIELDS.find((candidate) => candidate.name === name)!;
    const h = hash(this.#model.seed, id, name);
    return h % 6 === 0 ? null : leaf(field.type, h);
  }

  /** What a field that requires another gets of it: for a value, its `a`. */
  required(typeName: string, id: string, field: FieldModel, argument?: number): unknown {
    const value = this.resolve(typeName, id, field, field.hasArgument ? (argument ?? 3) : undefined);
    if (field.shape !== 'value' || value === null) return value;
    return { a: this.value((value as Reference).id, 'a') };
  }

  #reference(type: string, h: number): Reference {
    const { entities } = this.#model;
    const candidates =
      type === 'I'
        ? entities.filter(({ implementsI }) => implementsI)
        : type === 'U'
          ? entities.filter(({ inU }) => inU)
          : [];
    const typeName = candidates.length === 0 ? type : candidates[h % candidates.length]!.name;
    return reference(typeName, `${typeName.toLowerCase()}${(h >>> 8) % 4}`);
  }
}

export const reference = (__typename: string, id: string): Reference => ({ __typename, id, sku: `sku-${id}` });

function leaf(type: string, h: number): unknown {
  switch (type) {
    case 'Int':
      return h % 1000;
    case 'Float':
      return (h % 1000) / 8;
    case 'Boolean':
      return h % 2 === 0;
    case 'Colour':
      return COLOURS[h % COLOURS.length];
    default:
      return `s${h % 1000}`;
  }
}
