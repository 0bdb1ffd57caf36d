/** What every kind of source with lists must do of filters on them: the same as rows in memory, of one tenant of two. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { KINDS, type KindName } from '#subgraphs/sources/model/kinds.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { fc } from '#tests/setup/property.ts';
import { askerOf, type Ask, type OpenShop } from './sources-driver.ts';

export interface ListRow {
  readonly id: number;
  readonly tenant_id: string;
  readonly tags: readonly (string | null)[] | null;
  readonly counts: readonly (string | null)[] | null;
}

export interface ListTraits {
  /** Whether an item may have no value. @default true */
  readonly nullItems?: boolean;
  /** Whether there may be no list. @default true */
  readonly nullLists?: boolean;
  /** How a text or a digit is told apart where the file says more. @default nothing */
  readonly file?: string;
}

const TAGS = ['a', 'A', '', 'it’s "q\'uoted"', '{1,2}', 'back\\slash', '日本', 'NULL'];
const COUNTS = ['0', '-1', '9007199254740993', '-9223372036854775808'];
const FIELDS = { tags: TAGS, counts: COUNTS } as const;
type Operators = Readonly<Record<string, unknown>>;

function rowsOf({ nullItems = true, nullLists = true }: ListTraits): ListRow[] {
  const list = (values: readonly string[]) =>
    fc.option(fc.array(fc.constantFrom(...values, ...(nullItems ? [null] : [])), { maxLength: 4 }), {
      nil: null,
      freq: nullLists ? 5 : Number.MAX_SAFE_INTEGER,
    });
  const rows = fc.sample(fc.record({ tags: list(TAGS), counts: list(COUNTS) }), { numRuns: 60, seed: 3 });
  return rows.map(({ tags, counts }, index) => ({
    id: index,
    tenant_id: index % 4 === 3 ? 'other' : 'acme',
    tags: nullLists ? tags : (tags ?? []),
    counts: nullLists ? counts : (counts ?? []),
  }));
}

const operators = (values: readonly string[]): fc.Arbitrary<Operators> => {
  const some = fc.array(fc.constantFrom(...values), { maxLength: 3 });
  return fc.oneof(
    fc.constantFrom(...values).map((has) => ({ has })),
    some.map((contains) => ({ contains })),
    some.map((containedBy) => ({ containedBy })),
    some.map((overlaps) => ({ overlaps })),
    fc.boolean().map((isEmpty) => ({ isEmpty })),
    fc.boolean().map((isNull) => ({ isNull })),
    fc.tuple(some, some).map(([contains, overlaps]) => ({ contains, overlaps })),
  );
};
const leaf = fc
  .constantFrom('tags' as const, 'counts' as const)
  .chain((field) => operators(FIELDS[field]).map((of) => ({ [field]: of })));
const filter: fc.Arbitrary<object> = fc.oneof(
  leaf,
  leaf.map((not) => ({ not })),
  fc.array(leaf, { maxLength: 3 }).map((or) => ({ or })),
);

function holds(items: readonly (string | null)[] | null, asked: Operators): boolean {
  return Object.entries(asked).every(([name, value]) => {
    if (name === 'isNull') return (items === null) === value;
    if (name === 'isEmpty') return items !== null && (items.length === 0) === value;
    if (items === null) return false;
    const among = value as readonly string[];
    if (name === 'has') return items.includes(value as string);
    if (name === 'contains') return among.every((each) => items.includes(each));
    if (name === 'overlaps') return among.some((each) => items.includes(each));
    return items.every((item) => item !== null && among.includes(item));
  });
}
function matches(row: ListRow, asked: object): boolean {
  return Object.entries(asked).every(([name, value]) => {
    if (name === 'not') return !matches(row, value as object);
    if (name === 'or') return (value as object[]).some((part) => matches(row, part));
    return holds(row[name as keyof typeof FIELDS], value as Operators);
  });
}

/** @param open makes a store with the table or collection `notes` of these rows */
export function describeLists(
  kind: KindName,
  open: (rows: readonly ListRow[]) => Promise<OpenShop>,
  traits: ListTraits = {},
): void {
  describe(`lists of a source: ${kind}`, () => {
    const rows = rowsOf(traits);
    let shop: OpenShop;
    let ask: Ask;
    beforeAll(async () => {
      shop = await open(rows);
      const text = `sources:\n  shop:\n    kind: ${kind}\n    url: SHOP_URL\n    tenancy: { column: tenant_id }\n${traits.file ?? ''}`;
      const model = buildModel(
        'shop',
        parseSources(text, 'sources.yaml'),
        await shop.driver.introspect([...KINDS[kind].schemas]),
      );
      ask = askerOf(buildSchema({ ...model, types: model.types.filter(({ name }) => name === 'Note') }, shop.driver));
    });
    afterAll(async () => {
      await shop?.[Symbol.asyncDispose]();
    });
    const found = async (where: object): Promise<unknown> => {
      const { data, errors } = await ask(
        'query($where: NoteFilter) { notes(where: $where, first: 200) { totalCount nodes { id } } }',
        { where },
      );
      expect(errors, JSON.stringify(where)).toBeUndefined();
      expect(data.notes.totalCount).toBe(data.notes.nodes.length);
      return (data.notes.nodes as { id: unknown }[]).map(({ id }) => Number(id)).sort((a, b) => a - b);
    };

    test('answers 60 random filters as rows in memory do', async () => {
      await fc.assert(
        fc.asyncProperty(filter, async (where) => {
          const own = rows.filter((row) => row.tenant_id === 'acme' && matches(row, where));
          expect(await found(where), JSON.stringify(where)).toEqual(own.map(({ id }) => id));
        }),
        { numRuns: 60 },
      );
    }, 60_000);

    test('a list is empty, has some, or is none', async () => {
      const own = rows.filter(({ tenant_id }) => tenant_id === 'acme');
      const those = (holds: (tags: ListRow['tags']) => boolean): number[] =>
        own.filter(({ tags }) => holds(tags)).map(({ id }) => id);
      expect(await found({ tags: { isEmpty: true } })).toEqual(those((tags) => tags?.length === 0));
      expect(await found({ tags: { isEmpty: false } })).toEqual(those((tags) => tags !== null && tags.length > 0));
      expect(await found({ not: { tags: { isEmpty: false } } })).toEqual(
        those((tags) => tags === null || tags.length === 0),
      );
      expect(await found({ tags: { isNull: true } })).toEqual(those((tags) => tags === null));
    });

    test('what means nothing, and too much, is told', async () => {
      const variables = { many: Array.from({ length: 10_000 }, (_, index) => String(index)) };
      for (const [where, message] of [
        ['{ tags: { has: null } }', /means nothing/],
        ['{ tags: { overlaps: ["a", null] } }', /must not be null|Expected value of type|found null/],
        ['{ tags: { overlaps: $many } }', /at most 500 are accepted/],
        ['{ tags: { has: "a\\u0000" } }', /NUL/],
      ] as const) {
        const { data, errors } = await ask(
          `query${where.includes('$many') ? '($many: [String!])' : ''} { notes(where: ${where}) { totalCount } }`,
          variables,
        );
        expect({ where, data: data?.notes ?? null, errors }).toMatchObject({
          data: null,
          errors: [{ message: expect.stringMatching(message) }],
        });
      }
      expect(await found({ tags: {} })).toHaveLength(rows.filter(({ tenant_id }) => tenant_id === 'acme').length);
    });
  });
}
