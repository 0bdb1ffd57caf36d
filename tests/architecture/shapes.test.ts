import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildASTSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isNonNullType,
  isObjectType,
  parse,
  type GraphQLInputObjectType,
  type GraphQLNamedType,
  type GraphQLSchema,
} from 'graphql';

import { describe, expect, test } from 'vitest';

import { ROOT } from '#ops/architecture/imports.ts';
import { MODELS, type Model } from '#subgraphs/relational/models/columns.ts';

/*
 * What the schema's users may count on everywhere, so that knowing one list, filter or type is knowing all.
 */

const read = (path: string): GraphQLSchema =>
  buildASTSchema(parse(readFileSync(join(ROOT, path), 'utf8')), { assumeValid: true });
const SUBGRAPHS = ['relational', 'graph', 'vector', 'object', 'runs', 'inference'] as const;
const subgraphs = new Map(SUBGRAPHS.map((name) => [name as string, read(`subgraphs/${name}/schema.graphql`)]));
const api = read('gateway/supergraph/api.graphql');

const objects = (schema: GraphQLSchema) =>
  Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !type.name.startsWith('_'));
const fieldsOf = (schema: GraphQLSchema) =>
  objects(schema).flatMap((type) =>
    isObjectType(type)
      ? Object.values(type.getFields()).map((field) => ({ type, field, at: `${type.name}.${field.name}` }))
      : [],
  );
const ROOTS = new Set(['Query', 'Mutation', 'Subscription']);

/** By type, the subgraphs that have a field of it. */
const referrers = new Map<string, Set<string>>();
for (const [name, schema] of subgraphs)
  for (const { type, field } of fieldsOf(schema)) {
    const of = getNamedType(field.type).name;
    if (!ROOTS.has(type.name) && isObjectType(getNamedType(field.type)))
      referrers.set(of, (referrers.get(of) ?? new Set()).add(name));
  }
/** Whether another subgraph than `home` hands out objects of the type, by its key alone. */
const isReferred = (type: string, home: string): boolean =>
  [...(referrers.get(type) ?? [])].some((name) => name !== home);

describe('nullability', () => {
  test('a type that other subgraphs refer to keeps its columns nullable, and no other does', () => {
    for (const model of Object.values(MODELS) as Model[])
      expect([model.name, model.referred === true]).toEqual([model.name, isReferred(model.name, 'relational')]);
  });

  test('a field of an entity that another subgraph refers to is nullable, its key apart', () => {
    const wrong: string[] = [];
    for (const [name, schema] of subgraphs)
      for (const { type, field, at } of fieldsOf(schema)) {
        const keys = (type.astNode?.directives ?? [])
          .filter((directive) => directive.name.value === 'key')
          .map((directive) => directive.arguments?.find((each) => each.name.value === 'fields')?.value)
          .map((value) => (value?.kind === 'StringValue' ? value.value : ''));
        if (keys.length > 0 && isReferred(type.name, name) && !keys.includes(field.name) && isNonNullType(field.type))
          wrong.push(`${name}: ${at}`);
      }
    expect(wrong).toEqual([]);
  });

  test('a nullable value says when it is null', () => {
    const wrong = fieldsOf(api)
      .filter(({ field }) => isLeafType(getNamedType(field.type)) && !isNonNullType(field.type))
      // A count is another question to the store, which may fail by itself; of what other subgraphs refer to, all is nullable.
      .filter(({ type, field }) => field.name !== 'totalCount' && (referrers.get(type.name)?.size ?? 0) < 2)
      .filter(({ type }) => !ROOTS.has(type.name))
      .filter(({ field }) => !/\bnull\b/i.test(field.description ?? ''));
    expect(wrong.map(({ at }) => at)).toEqual([]);
  });
});

test('edges, pages and payloads have no id: caches of clients take what has one for a thing that is the same wherever it is seen', () => {
  const envelopes = fieldsOf(api).filter(({ type }) => /(?:Edge|Connection|PageInfo|Payload)$/.test(type.name));
  expect(envelopes.length).toBeGreaterThan(100);
  expect(envelopes.filter(({ field }) => field.name === 'id').map(({ at }) => at)).toEqual([]);
});

test('a connection tells how many items there are', () => {
  const connections = objects(api).filter(({ name }) => name.endsWith('Connection'));
  expect(connections.length).toBeGreaterThan(20);
  const silent = connections.filter((type) => isObjectType(type) && type.getFields()['totalCount'] === undefined);
  expect(silent.map(({ name }) => name)).toEqual([]);
});

describe('filters', () => {
  const inputs = (schema: GraphQLSchema) => Object.values(schema.getTypeMap()).filter(isInputObjectType);
  const SCALAR_OPERATORS: Readonly<Record<string, readonly string[]>> = {
    equality: ['eq', 'ne', 'isNull', 'not'],
    lists: ['in', 'notIn'],
    range: ['lt', 'lte', 'gt', 'gte'],
    text: ['contains', 'startsWith', 'endsWith', 'matches'],
  };
  const operators = (...groups: string[]): string[] => groups.flatMap((group) => SCALAR_OPERATORS[group]!).sort();
  const OF_SCALAR: Readonly<Record<string, string[]>> = {
    StringFilter: operators('equality', 'lists', 'range', 'text'),
    IdFilter: operators('equality', 'lists'),
    IntFilter: operators('equality', 'lists', 'range'),
    FloatFilter: operators('equality', 'lists', 'range'),
    BigIntFilter: operators('equality', 'lists', 'range'),
    DateTimeFilter: operators('equality', 'lists', 'range'),
    BooleanFilter: operators('equality'),
    MetadataFilter: [...operators('lists', 'range', 'text'), 'eq', 'ne', 'not', 'exists', 'path'].sort(),
  };
  /** Not of this shape yet. */
  const SEARCH = /^Search/;
  const filters = inputs(api).filter(({ name }) => name.endsWith('Filter') && !SEARCH.test(name));
  const isOfScalar = (type: GraphQLInputObjectType): boolean => 'eq' in type.getFields();

  test('of one kind of value have the same operators, in every subgraph', () => {
    expect(filters.length).toBeGreaterThan(10);
    for (const schema of [api, ...subgraphs.values()])
      for (const type of inputs(schema).filter(({ name }) => name.endsWith('Filter') && !SEARCH.test(name)))
        if (isOfScalar(type)) {
          const of = getNamedType(type.getFields()['eq']!.type);
          const expected = isEnumType(of) ? operators('equality', 'lists') : OF_SCALAR[type.name];
          expect([type.name, Object.keys(type.getFields()).sort()]).toEqual([type.name, expected]);
        }
  });

  /** Of several things that a link leads to. */
  const isOfMany = ({ name }: GraphQLInputObjectType): boolean => name.endsWith('ListFilter');

  test('of what a link leads to have `some`, `every` and `none`', () => {
    expect(filters.filter(isOfMany).length).toBeGreaterThan(3);
    for (const type of filters.filter(isOfMany)) {
      // Beside them there may be arguments of the link, of which an input is the link's own.
      const { every, none, some, ...others } = type.getFields();
      const of = Object.keys(others).length > 0 ? String(some?.type) : type.name.replace(/ListFilter$/, 'Filter');
      expect([every, none, some].map((field) => String(field?.type))).toEqual([of, of, of]);
      expect(filters.map(({ name }) => name)).toContain(of);
    }
  });

  test('of what has several values have `and`, `or` and `not`', () => {
    for (const type of filters.filter((each) => !isOfScalar(each) && !isOfMany(each)))
      expect([type.name, ...['and', 'or', 'not'].map((name) => String(type.getFields()[name]?.type))]).toEqual([
        type.name,
        `[${type.name}!]`,
        `[${type.name}!]`,
        type.name,
      ]);
  });

  test("of an enum's values are an enum's", () => {
    for (const type of filters.filter((each) => !isOfScalar(each))) {
      const filtered = api.getType(type.name.replace(/Filter$/, ''));
      for (const field of isObjectType(filtered) ? Object.values(filtered.getFields()) : []) {
        const of = getNamedType(field.type);
        const filter = type.getFields()[field.name];
        if (!isEnumType(of) || filter === undefined) continue;
        const named = getNamedType(filter.type) as GraphQLInputObjectType;
        expect([type.name, field.name, String(named.getFields()['eq']?.type)]).toEqual([
          type.name,
          field.name,
          of.name,
        ]);
      }
    }
  });

  test('and orders have a direction that is `ASC` unless said otherwise', () => {
    for (const type of inputs(api))
      for (const field of Object.values(type.getFields()))
        if (getNamedType(field.type).name === 'OrderDirection')
          expect([type.name, String(field.type), field.defaultValue]).toEqual([type.name, 'OrderDirection!', 'ASC']);
  });
});

describe('names', () => {
  const isOld = (reason: string | null | undefined) => reason !== null && reason !== undefined;
  const named = Object.values(api.getTypeMap()).flatMap((type) => {
    if (type.name.startsWith('__')) return [];
    if (isInputObjectType(type))
      return Object.values(type.getFields()).map((field) => ({ at: `${type.name}.${field.name}`, ...field }));
    if (!isObjectType(type)) return [];
    return Object.values(type.getFields()).flatMap((field) => [
      { at: `${type.name}.${field.name}`, ...field },
      ...field.args.map((arg) => ({ at: `${type.name}.${field.name}(${arg.name})`, ...arg })),
    ]);
  });

  test('of one thing are one: a media type is a `mediaType`', () => {
    const wrong = named.filter(
      ({ name, deprecationReason }) => /(content|mime)_?type/i.test(name) && !isOld(deprecationReason),
    );
    expect(wrong.map(({ at }) => at)).toEqual([]);
  });

  test('of sizes are of a `BigInt`, which a file of 2 GiB does not break', () => {
    const sizes = named.filter(
      ({ name, deprecationReason }) => /^size|Size$|^bytes$|sizeBytes$/.test(name) && !isOld(deprecationReason),
    );
    expect(sizes.map(({ at, type }) => [at, getNamedType(type).name])).toEqual([
      ['RequestUploadInput.size', 'BigInt'],
      ['StoredObject.size', 'BigInt'],
      ['StoredObjectFilter.size', 'BigIntFilter'],
      ['StoredObjectGroupDistinct.size', 'BigInt'],
      ['StoredObjectGroupKeys.size', 'BigInt'],
      // Sums and averages, exactly.
      ['StoredObjectGroupNumbers.size', 'Decimal'],
      ['StoredObjectGroupPercentiles.size', 'BigInt'],
      ['StoredObjectGroupValues.size', 'BigInt'],
    ]);
  });

  test('of before say what to use, which is there', () => {
    type Member = { name: string; deprecationReason?: string | null };
    const membersOf = (type: GraphQLNamedType): Member[] => {
      if (isEnumType(type)) return [...type.getValues()];
      return isInputObjectType(type) || isObjectType(type) ? Object.values<Member>(type.getFields()) : [];
    };
    const owners = Object.values(api.getTypeMap()).map((type) => ({ type, members: membersOf(type) }));
    const old = owners.flatMap(({ type, members }) =>
      members
        .filter(({ deprecationReason }) => isOld(deprecationReason))
        .map(({ name, deprecationReason }) => ({
          at: `${type.name}.${name}`,
          instead: /`(\w+)`/.exec(deprecationReason!)?.[1],
          names: members.filter((each) => !isOld(each.deprecationReason)).map((each) => each.name),
        })),
    );
    expect(old.length).toBeGreaterThan(8);
    expect(old.filter(({ instead, names }) => !names.includes(instead!)).map(({ at }) => at)).toEqual([]);
  });
});

test('every deletion says by `deletedIds` what it deleted', () => {
  const deletions = Object.values(api.getMutationType()!.getFields()).filter(({ name }) =>
    /^(delete|forget)/.test(name),
  );
  expect(deletions.length).toBeGreaterThan(5);
  for (const { name, type } of deletions) {
    const payload = getNamedType(type);
    const field = isObjectType(payload) ? payload.getFields()['deletedIds'] : undefined;
    expect([name, String(field?.type)]).toEqual([name, '[ID!]!']);
  }
});
