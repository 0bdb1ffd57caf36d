/**
 * Random schemas whose resolvers do all that resolvers may: answer at once or later, with values, nulls, errors and
 * rubbish. What a field answers depends on nothing but the seed, the object, the field and its arguments, so that two
 * executors can be compared.
 */
import { buildSubgraphSchema } from '@apollo/subgraph';
import { GraphQLError, isObjectType, isUnionType, parse, type GraphQLResolveInfo, type GraphQLSchema } from 'graphql';
import { hash, Random } from '../random/random.ts';

const OBJECTS = ['A', 'B', 'C', 'D'] as const;
const LEAVES = ['Int', 'String', 'Boolean', 'Float', 'ID', 'Colour', 'Odd'] as const;
const COMPOSITES = ['A', 'B', 'C', 'D', 'I', 'U', 'W'] as const;

export interface RandomSchema {
  readonly schema: GraphQLSchema;
  /** What resolvers were asked and told, if {@link RandomSchema.records} is set. */
  readonly log: string[];
  records: boolean;
  /** Whether reference resolvers that throw at once reject instead, which is how one of them costs no other entity. */
  rejects: boolean;
}

export interface RandomSchemaOptions {
  /** Whether resolvers may answer later. */
  later: boolean;
}

interface FieldModel {
  name: string;
  type: string;
  hasArguments: boolean;
  kind: 'property' | 'method' | 'resolver';
}

/** How an abstract type knows its objects. */
type Recognition = 'property' | 'resolveType' | 'isTypeOf';

/** Makes the schema of one seed: a subgraph's, with `_entities`. */
export function randomSchema(seed: number, { later }: RandomSchemaOptions): RandomSchema {
  const random = new Random(seed);
  let count = 0;
  const wrap = (type: string): string => {
    let wrapped = type;
    while (random.chance(0.35) && wrapped.length < 12) wrapped = `[${wrapped}${random.chance(0.4) ? '!' : ''}]`;
    return random.chance(0.3) ? `${wrapped}!` : wrapped;
  };
  const field = (): FieldModel => ({
    name: `f${count++}`,
    type: wrap(random.chance(0.5) ? random.pick(LEAVES) : random.pick(COMPOSITES)),
    hasArguments: random.chance(0.25),
    kind: random.pick(['property', 'property', 'method', 'resolver', 'resolver'] as const),
  });
  const fields = (least: number) => Array.from({ length: least + random.below(5) }, field);
  const common = Array.from({ length: 2 }, field);
  const models = new Map<string, FieldModel[]>(
    OBJECTS.map((name) => [name, [...fields(2), ...(name === 'D' ? [] : common)]]),
  );
  for (const [name, least] of [
    ['Query', 3],
    ['Mutation', 3],
    ['Subscription', 2],
  ] as const) {
    models.set(
      name,
      fields(least).map((root) => ({ ...root, kind: 'resolver' as const })),
    );
  }
  const recognition: Recognition = random.pick(['property', 'resolveType', 'isTypeOf'] as const);

  const declare = ({ name, type, hasArguments }: FieldModel) =>
    `${name}${hasArguments ? '(x: Int = 3, y: [In!] = [{ a: 1 }], z: Colour = RED, s: String)' : ''}: ${type}`;
  const typeDefs = `
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
    enum Colour { RED GREEN BLUE }
    scalar Odd
    input In { a: Int = 2, b: String, c: [Int] }
    interface I { ${common.map(declare).join(' ')} }
    interface W { id: ID! }
    union U = A | B | D
    ${[...models].map(([name, list]) => `type ${name}${implementsOf(name)} { ${OBJECTS.includes(name as never) ? 'id: ID! ' : ''}${list.map(declare).join(' ')} }`).join('\n')}`;

  const made: RandomSchema = { schema: undefined as unknown as GraphQLSchema, log: [], records: false, rejects: false };
  const values = new Values(seed, later, models, recognition);
  const resolvers: Record<string, Record<string, unknown>> = {
    Colour: { RED: 'RED', GREEN: 7, BLUE: 'blue' },
  };
  for (const [name, list] of models) {
    resolvers[name] = {
      ...(OBJECTS.includes(name as never)
        ? {
            __resolveReference: (reference: { id: string; __typename: string }) =>
              values.entity(name, reference, made.rejects),
          }
        : {}),
    };
    for (const model of list) {
      if (model.kind !== 'resolver') continue;
      const resolve = (source: unknown, args: object, context: unknown, info: GraphQLResolveInfo): unknown => {
        if (made.records) made.log.push(told(source, args, context, info));
        return values.answer(name, source, model, args);
      };
      resolvers[name][model.name] = name === 'Subscription' ? { subscribe: () => undefined, resolve } : resolve;
    }
  }
  for (const name of ['I', 'W', 'U']) {
    if (recognition === 'resolveType')
      resolvers[name] = { __resolveType: (value: { of?: unknown }) => values.typeOf(value) };
  }
  const schema = buildSubgraphSchema({ typeDefs: parse(typeDefs), resolvers: resolvers as never });
  if (recognition === 'isTypeOf') {
    for (const type of Object.values(schema.getTypeMap())) {
      if (isObjectType(type) && OBJECTS.includes(type.name as never))
        type.isTypeOf = (value: { of?: unknown }) => values.isTypeOf(value, type.name) as boolean;
      // Apollo's own way with abstract types would hide graphql-js's.
      if (isUnionType(type) && type.name === 'U') type.resolveType = undefined;
    }
  }
  Object.assign(schema.getType('Odd') as object, {
    serialize: (value: unknown) => {
      if (value === 'refused') throw new GraphQLError('Odd refuses.');
      return value === 'nothing' ? undefined : { __proto__: null, odd: value };
    },
  });
  (made as { schema: GraphQLSchema }).schema = schema;
  return made;
}

function implementsOf(name: string): string {
  if (name === 'D') return ' implements W @key(fields: "id")';
  return OBJECTS.includes(name as never) ? ' implements I & W @key(fields: "id")' : '';
}

function told(source: unknown, args: object, context: unknown, info: GraphQLResolveInfo): string {
  const path: unknown[] = [];
  for (let at: GraphQLResolveInfo['path'] | undefined = info.path; at !== undefined; at = at.prev)
    path.push(at.key, at.typename);
  return JSON.stringify([
    (source as { id?: unknown } | undefined)?.id,
    args,
    typeof context,
    Object.keys(info).sort(),
    info.fieldName,
    String(info.returnType),
    info.parentType.name,
    path,
    info.fieldNodes.map((node) => [node.alias?.value, node.name.value, node.selectionSet?.selections.length]),
    info.variableValues,
    Object.keys(info.fragments),
    info.operation.operation,
    typeof info.rootValue,
    typeof info.schema.getType,
  ]);
}

/** What fields answer. */
class Values {
  readonly #seed: number;
  readonly #later: boolean;
  readonly #models: ReadonlyMap<string, readonly FieldModel[]>;
  readonly #recognition: Recognition;

  constructor(
    seed: number,
    later: boolean,
    models: ReadonlyMap<string, readonly FieldModel[]>,
    recognition: Recognition,
  ) {
    this.#seed = seed;
    this.#later = later;
    this.#models = models;
    this.#recognition = recognition;
  }

  answer(typeName: string, source: unknown, { name, type }: FieldModel, args: object): unknown {
    return this.#value(
      type,
      hash(this.#seed, typeName, String((source as { id?: unknown } | undefined)?.id ?? source), name, args),
    );
  }

  /** A value of the type, or not. */
  #value(type: string, h: number): unknown {
    const roll = h % 200;
    if (this.#later && roll % 3 === 0) return soon((h >>> 8) % 4, () => this.#now(type, hash(h)));
    return this.#now(type, hash(h));
  }

  #now(type: string, h: number): unknown {
    const roll = h % 240;
    if (roll < 3) throw new Error(`Thrown ${h}.`);
    if (roll === 3) throw Object.assign(new GraphQLError(`Coded ${h}.`, { extensions: { code: 'ODD' } }));
    if (roll === 4) throw `text ${h}`;
    if (roll < 7) return new Error(`Returned ${h}.`);
    const bare = type.endsWith('!') ? type.slice(0, -1) : type;
    if (roll < (bare === type ? 22 : 9)) return roll % 2 === 0 ? null : undefined;
    if (bare.startsWith('[')) {
      if (roll === 22) return 'no list';
      const items = Array.from({ length: h % 4 }, (_, index) => {
        try {
          return this.#value(bare.slice(1, -1), hash(h, index));
        } catch (error) {
          return this.#later ? rejected(error) : error;
        }
      });
      return roll === 23 ? new Set(items) : items;
    }
    if (bare === bare.toLowerCase() || LEAVES.includes(bare as never)) return leaf(bare, h);
    return this.#object(bare, h);
  }

  #object(type: string, h: number): unknown {
    if (h % 97 === 0) return 'no object';
    const candidates =
      type === 'I' ? ['A', 'B', 'C'] : type === 'U' ? ['A', 'B', 'D'] : type === 'W' ? OBJECTS : [type];
    const name = candidates[h % candidates.length]!;
    return this.object(h % 89 === 0 ? 'C' : name, String((h >>> 8) % 6), type !== name);
  }

  object(name: string, id: string, isAbstract: boolean): object {
    const object: Record<string, unknown> = { id, of: name };
    if (isAbstract && this.#recognition === 'property')
      object.__typename = hash(id, name) % 50 === 0 ? 'Nothing' : name;
    for (const field of this.#models.get(name) ?? []) {
      if (field.kind === 'method') object[field.name] = (args: object) => this.answer(name, object, field, args);
      if (field.kind === 'property')
        Object.defineProperty(object, field.name, {
          enumerable: true,
          configurable: true,
          get: () => this.answer(name, object, field, {}),
        });
    }
    return object;
  }

  typeOf(value: { of?: unknown }): unknown {
    const name = hash(this.#seed, value.of) % 40;
    if (name === 0) return ['Colour', 'Nothing', undefined, 'I', 5][hash(value.of) % 5];
    return this.#later && name % 2 === 0 ? soon(1, () => value.of) : value.of;
  }

  isTypeOf(value: { of?: unknown }, name: string): unknown {
    const roll = hash(this.#seed, value.of, name) % 60;
    if (roll === 0) throw new Error(`${name} does not know.`);
    return this.#later && roll % 2 === 0 ? soon(1, () => value.of === name) : value.of === name;
  }

  /** What a reference resolver gives. */
  entity(name: string, reference: { id: string; __typename: string }, rejects: boolean): unknown {
    const h = hash(this.#seed, name, reference.id);
    const make = (): unknown => {
      switch (h % 12) {
        case 0:
          return null;
        case 1:
          return undefined;
        case 2:
          throw new Error(`${name} ${reference.id} is lost.`);
        case 3:
          return new Error(`${name} ${reference.id} is an error.`);
        case 4:
          return `text of ${reference.id}`;
        case 5:
          return Object.assign(this.object(name, reference.id, false), { __typename: 'Other' });
        case 6:
          return Object.assign(this.object(name, reference.id, false), { __typename: name });
        default:
          return this.object(name, reference.id, false);
      }
    };
    if (this.#later && h % 3 === 0) return soon((h >>> 8) % 3, make);
    if (!rejects) return make();
    try {
      return make();
    } catch (error) {
      return rejected(error);
    }
  }
}

/** Handled, since some of what is answered is never looked at. */
function rejected(error: unknown): Promise<never> {
  const promise = Promise.reject(error as Error);
  promise.catch(() => undefined);
  return promise;
}

function leaf(type: string, h: number): unknown {
  const pick = (...values: unknown[]): unknown => values[(h >>> 5) % values.length];
  switch (type) {
    case 'Int':
      return pick(h % 1000, -(h % 50), String(h % 9), 1.5, true, 2 ** 40, -0, {});
    case 'Float':
      return pick((h % 1000) / 8, h % 7, '2.5', Infinity, NaN, false);
    case 'Boolean':
      return pick(true, false, 1, 0, 'yes');
    case 'String':
      return pick('text', '', 5, true, {}, [], { valueOf: () => 'boxed' }, '\u2028');
    case 'ID':
      return pick('id', 5, 1.5, '', {});
    case 'Colour':
      return pick('RED', 7, 'blue', 'GREEN');
    default:
      return pick('odd', 'refused', 'nothing', 0);
  }
}

/** Later by some turns of the event loop, so that it is the same order for everybody. */
function soon<T>(turns: number, make: () => T): Promise<T> {
  const promise = wait(turns).then(make);
  promise.catch(() => undefined);
  return promise;
}

async function wait(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
}
