/** What every kind of source that filters JSON in its store must do: the same as documents in memory, of one tenant of two. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExactNumber, writeJson } from '#subgraphs/shared/exact-number.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { KINDS, type KindName } from '#subgraphs/sources/model/kinds.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { fc } from '#tests/setup/property.ts';
import { compare as compareExact } from './aggregate-oracle.ts';
import { askerOf, type Ask, type OpenShop } from './sources-driver.ts';

type Json = null | boolean | string | number | ExactNumber | readonly Json[] | { readonly [key: string]: Json };

export interface JsonRow {
  readonly id: number;
  readonly tenant_id: string;
  /** As JSON; null where there is none. */
  readonly data: string | null;
}

export interface JsonTraits {
  /** Whether the store keeps documents as they are: members that are null or empty, and lists of several kinds. @default true */
  readonly whole?: boolean;
  /** Whether there may be no document. @default true */
  readonly nulls?: boolean;
}

const KEYS = ['a', 'b', '0', '-1', 'k"q', 'it’s', 'back\\slash', '$x', 'a.b', ''];
const PLAIN_KEYS = ['a', 'b', '0', 'it’s', '$x'];
const TEXTS = ['', 'Tea', 'tea time', '100%', 'a_b', 'q"uote', 'back\\slash', '日本', 'true', '1'];
const NUMBERS = [0, 1, -1, 0.5, 100, new ExactNumber('9007199254740993'), new ExactNumber('9007199254740992')];

function documents(whole: boolean): fc.Arbitrary<Json> {
  const keys = fc.constantFrom(...(whole ? KEYS : PLAIN_KEYS));
  const scalar: fc.Arbitrary<Json> = fc.constantFrom<Json>(...TEXTS, ...NUMBERS, true, false, ...(whole ? [null] : []));
  const list = whole
    ? fc.array(scalar, { maxLength: 3 })
    : fc.oneof(
        ...[TEXTS, NUMBERS.slice(0, 3)].map((of) =>
          fc.array(fc.constantFrom<Json>(...of), { minLength: 1, maxLength: 3 }),
        ),
      );
  const inner = fc.oneof(scalar, list, fc.dictionary(keys, scalar, { minKeys: whole ? 0 : 1, maxKeys: 2 }));
  const value = whole ? fc.oneof(inner, fc.array(inner, { maxLength: 2 })) : inner;
  return fc.dictionary(keys, value, { minKeys: whole ? 0 : 1, maxKeys: 5 }) as fc.Arbitrary<Json>;
}

const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
const isNumber = (value: Json): value is number | ExactNumber =>
  typeof value === 'number' || value instanceof ExactNumber;

function at(value: Json, path: readonly string[]): Json | undefined {
  let found: Json | undefined = value;
  for (const key of path) {
    if (Array.isArray(found)) found = /^-?\d+$/.test(key) ? (found as readonly Json[]).at(Number(key)) : undefined;
    else found = isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined;
    if (found === undefined) return undefined;
  }
  return found;
}

function same(a: Json, b: Json): boolean {
  if (isNumber(a) && isNumber(b)) return compareExact(a, b, 'decimal') === 0;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => same(item as Json, b[index] as Json));
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key]!, b[key]!))
    );
  }
  return a === b;
}

type Operators = Readonly<Record<string, unknown>>;

function holdsOf(value: Json, name: string, operand: Json): boolean {
  if (name === 'eq' || name === 'in')
    return (name === 'eq' ? [operand] : (operand as readonly Json[])).some((each) => same(value, each));
  if (['lt', 'lte', 'gt', 'gte'].includes(name)) {
    const way =
      typeof value === 'string' && typeof operand === 'string'
        ? compareExact(value, operand)
        : isNumber(value) && isNumber(operand)
          ? compareExact(value, operand, 'decimal')
          : undefined;
    if (way === undefined) return false;
    return name === 'lt' ? way < 0 : name === 'lte' ? way <= 0 : name === 'gt' ? way > 0 : way >= 0;
  }
  if (typeof value !== 'string') return false;
  const text = operand as string;
  if (name === 'contains') return value.toLowerCase().includes(text.toLowerCase());
  return name === 'startsWith' ? value.startsWith(text) : value.endsWith(text);
}

function matches(document: Json, { path, not, ...operators }: Operators): boolean {
  const value = document === null ? undefined : at(document, path as string[]);
  const all = Object.entries(operators).every(([name, operand]) => {
    if (name === 'exists') return (value !== undefined) === operand;
    const opposite = name === 'ne' || name === 'notIn';
    const asked = name === 'ne' ? 'eq' : name === 'notIn' ? 'in' : name;
    const of = (each: Json): boolean => holdsOf(each, asked, operand as Json);
    const holds =
      value !== undefined && (of(value) || (Array.isArray(value) && value.some((item) => of(item as Json))));
    return opposite ? !holds : holds;
  });
  return not === true ? !all : all;
}

/** @param open makes a store with the table `notes` of these rows */
export function describeJson(
  kind: KindName,
  open: (rows: readonly JsonRow[]) => Promise<OpenShop>,
  { whole = true, nulls = true }: JsonTraits = {},
): void {
  describe(`JSON of a source: ${kind}`, () => {
    const kept: readonly (Json | undefined)[] = fc.sample(
      nulls ? fc.option(documents(whole), { freq: 9, nil: undefined }) : documents(whole),
      { numRuns: 60, seed: 5 },
    );
    const rows = kept.map((data, id): JsonRow => ({
      id,
      tenant_id: id % 4 === 3 ? 'other' : 'acme',
      data: data === undefined ? null : writeJson(data),
    }));
    let shop: OpenShop;
    let ask: Ask;
    beforeAll(async () => {
      shop = await open(rows);
      const text = `sources:\n  shop:\n    kind: ${kind}\n    url: SHOP_URL\n    tenancy: { column: tenant_id }\n`;
      const model = buildModel(
        'shop',
        parseSources(text, 'sources.yaml'),
        await shop.driver.introspect([...KINDS[kind].schemas]),
      );
      ask = askerOf(buildSchema(model, shop.driver));
    });
    afterAll(async () => {
      await shop?.[Symbol.asyncDispose]();
    });
    const found = async (data: readonly Operators[]): Promise<unknown> => {
      const asked = await ask(
        'query($where: NoteFilter) { notes(where: $where, orderBy: [{ field: ID }], first: 200) { nodes { id } } }',
        { where: { data } },
      );
      expect(asked.errors, writeJson(data)).toBeUndefined();
      return (asked.data.notes.nodes as { id: unknown }[]).map(({ id }) => Number(id));
    };

    /** Paths and values of the documents themselves, and others. */
    const places = kept.flatMap((document): (readonly [readonly string[], Json])[] =>
      isObject(document)
        ? Object.entries(document).flatMap(([key, value]) => [
            [[key], value] as const,
            ...(isObject(value) ? Object.entries(value).map(([below, each]) => [[key, below], each] as const) : []),
            ...(Array.isArray(value)
              ? (value as readonly Json[]).flatMap((each, index) => [
                  [[key, String(index)], each] as const,
                  [[key, String(index - value.length)], each] as const,
                ])
              : []),
          ])
        : [],
    );
    const condition = fc.constantFrom(...places).chain(([path, own]) => {
      const value = fc.oneof(fc.constant(own), fc.constantFrom<Json>(...TEXTS, ...NUMBERS, null, true, [], {}));
      const text = fc.constantFrom(...TEXTS);
      const ordered = fc.oneof(fc.constantFrom<Json>(...NUMBERS), text);
      return fc
        .oneof(
          fc.boolean().map((exists): Operators => ({ exists })),
          fc.tuple(fc.constantFrom('eq', 'ne'), value).map(([name, operand]): Operators => ({ [name]: operand })),
          fc
            .tuple(fc.constantFrom('in', 'notIn'), fc.array(value, { maxLength: 3 }))
            .map(([name, operand]): Operators => ({ [name]: operand })),
          fc
            .tuple(fc.constantFrom('lt', 'lte', 'gt', 'gte'), ordered)
            .map(([name, operand]): Operators => ({ [name]: operand })),
          fc
            .tuple(fc.constantFrom('contains', 'startsWith', 'endsWith'), text)
            .map(([name, operand]): Operators => ({ [name]: operand })),
        )
        .chain((operators) => fc.boolean().map((not): Operators => ({ path, ...operators, ...(not ? { not } : {}) })));
    });

    test('answers 150 random filters as documents in memory do', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(condition, { minLength: 1, maxLength: 2 }), async (asked) => {
          const own = rows.filter(
            ({ id, tenant_id: tenant }) => tenant === 'acme' && asked.every((each) => matches(kept[id] ?? null, each)),
          );
          expect(await found(asked), writeJson(asked)).toEqual(own.map(({ id }) => id));
        }),
        { numRuns: 150 },
      );
    }, 60_000);

    test('what is long, deep or hostile is a condition like others, or told', async () => {
      const none = [
        { path: ["a'; DROP TABLE notes; --"], exists: true },
        { path: ['$', '$[0]', '"', '\\', '\\"', '*', '**', '?'], exists: true },
        { path: Array.from({ length: 12 }, () => 'a'), eq: 1 },
        { path: ['99999999999999999999'], exists: true },
        { path: ['a'], in: Array.from({ length: 500 }, (_, index) => `none ${index}`) },
        { path: ['a'], eq: { deep: [{ x: [1, { y: null }] }] } },
        { path: ['a'], gt: new ExactNumber('1e400') },
      ];
      for (const asked of none) expect(await found([asked]), writeJson(asked)).toEqual([]);
      for (const [asked, message] of [
        [{ path: ['a'], in: Array.from({ length: 501 }, () => 'x') }, /at most 500/],
        [{ path: [], exists: true }, /must not be empty/],
        [{ path: ['a'] }, /needs an operator/],
        [{ path: ['a\0'], exists: true }, /NUL/],
      ] as const) {
        const { errors } = await ask('query($where: NoteFilter) { notes(where: $where) { totalCount } }', {
          where: { data: [asked] },
        });
        expect(errors, writeJson(asked)).toMatchObject([{ message: expect.stringMatching(message) }]);
      }
      const aggregate = await ask(
        '{ notesAggregate(where: { data: [{ path: ["a"], exists: true }] }) { groups { count } } }',
      );
      const all = rows.filter(
        ({ id, tenant_id: tenant }) => tenant === 'acme' && matches(kept[id] ?? null, { path: ['a'], exists: true }),
      );
      expect(aggregate).toMatchObject({ data: { notesAggregate: { groups: [{ count: all.length }] } } });
    });
  });
}
