/**
 * Random data models, and what their fields answer. An answer depends on nothing but the model's seed, the object, the
 * field, its argument and what the field requires: so the uncut schema and any cut of it must agree.
 */
import { numberOf } from '#subgraphs/shared/exact-number.ts';
import { hash } from './random.ts';

export type Shape = 'leaf' | 'one' | 'many' | 'value' | 'abstract' | 'abstracts';

export interface FieldModel {
  name: string;
  shape: Shape;
  /** A scalar, `Colour`, an entity, `V`, `I` or `U`. */
  type: string;
  nonNull: boolean;
  itemNonNull: boolean;
  hasArgument: boolean;
  /** The type of its argument; `By` is an input with `@oneOf`. @default 'Int' */
  argumentType?: 'Int' | 'Decimal' | 'By';
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
  keys: ('id' | 'sku' | 'both' | 'compound' | 'nested' | 'number')[];
}

export interface Model {
  seed: number;
  subgraphs: number;
  entities: EntityModel[];
  /** Fields that all implementers of `I` have, by the subgraph that owns them. */
  common: FieldModel[];
  /** Fields of `I` that a subgraph of its own gives with `@interfaceObject`; they may require common fields. */
  objectFields: FieldModel[];
  roots: FieldModel[];
  mutations: FieldModel[];
  subscriptions: FieldModel[];
  errors: boolean;
  /** Whether it has `Decimal` and `By`. */
  extended?: boolean;
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

/** Pairs of keys for which doubles are too short: to a double, every second is the one before it. */
const FIRST_NUMBER = 9_007_199_254_740_992n;

/** The key of an entity that is a long number; those of two entities of one type differ in the last digit only. */
export const numberOfId = (id: string): unknown => numberOf(String(FIRST_NUMBER + BigInt(id.slice(1))));

/** The `id` of an entity of a type, by its long number. */
export const idOfNumber = (type: string, number: unknown): string =>
  `${type.toLowerCase()}${BigInt(String(number)) - FIRST_NUMBER}`;

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
    case 'Decimal':
      return numberOf(decimals(h % 1000)[h % 5]!);
    default:
      return `s${h % 1000}`;
  }
}

/** Numbers as a subgraph may write them: some that a double holds, and some that it changes. */
export const decimals = (of: number): readonly string[] => [
  String(of),
  String(9_007_199_254_740_993n + BigInt(of)),
  `0.1234567890123456789${of}`,
  `${of}.10`,
  `-${of}e30`,
];
