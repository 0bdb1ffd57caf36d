import { fc } from '#tests/setup/property.ts';
import { filterOf, matches, metadataFilter, stringFilter, TEXTS } from '#tests/contract/filter-oracle.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRelationalFixture, note, UPSERT, type RelationalFixture } from './relational-fixture.ts';

interface Row {
  id: string;
  title: string;
  source: string;
  mediaType: string;
  createdAt: string;
  metadata: Record<string, unknown>;
}

let fixture: RelationalFixture;
let rows: Row[];
beforeAll(async () => {
  fixture = await createRelationalFixture();
  for (const [index, title] of TEXTS.entries()) {
    const metadata = [{ topic: 'x' }, { topic: ['x', 1] }, { topic: null, deep: { n: 1 } }, {}][index % 4];
    await fixture.get(
      'filters',
      UPSERT,
      note(`s${index}`, 'text', { title, metadata, mediaType: index % 3 ? 'text/plain' : 'text/markdown' }),
    );
  }
  rows = (
    await fixture.get(
      'filters',
      `{ documents(first: 200) { edges { node { id title source mediaType createdAt metadata } } } }`,
    )
  ).documents.edges.map((edge: { node: Row }) => edge.node);
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

const LIST = `query ($where: DocumentFilter) { documents(where: $where, first: 200) { totalCount edges { node { id } } } }`;
const found = async (where: object): Promise<string[]> => {
  const { documents } = await fixture.get('filters', LIST, { where });
  expect(documents.totalCount).toBe(documents.edges.length);
  return documents.edges.map((edge: { node: { id: string } }) => edge.node.id).sort();
};

const dateFilter = fc
  .constantFrom('gt', 'gte', 'lt', 'lte', 'eq')
  .chain((operator) => fc.nat().map((index) => ({ [operator]: rows[index % rows.length]!.createdAt })));
const filter = filterOf(
  {
    title: stringFilter(1),
    mediaType: fc.constantFrom({ eq: 'text/plain' }, { not: { eq: 'text/plain' } }, { startsWith: 'text/m' }),
    createdAt: dateFilter,
    metadata: metadataFilter,
  },
  2,
);

test('filters mean what the oracle says', async () => {
  await fc.assert(
    fc.asyncProperty(filter, async (where) => {
      expect(await found(where)).toEqual(
        rows
          .filter((row) => matches({ ...row }, where, ['createdAt']))
          .map(({ id }) => id)
          .sort(),
      );
    }),
    { numRuns: 200 },
  );
}, 120_000);

describe('by metadata', () => {
  const titles = async (...metadata: object[]): Promise<string[]> => {
    const ids = await found({ metadata });
    return rows
      .filter(({ id }) => ids.includes(id))
      .map(({ metadata: given }) => JSON.stringify(given))
      .filter((one, index, all) => all.indexOf(one) === index)
      .sort();
  };
  test.each([
    ['a value, or an item of a list', [{ path: ['topic'], eq: 'x' }], ['{"topic":"x"}', '{"topic":["x",1]}']],
    ['a list', [{ path: ['topic'], eq: ['x', 1] }], ['{"topic":["x",1]}']],
    ['an item of a list', [{ path: ['topic', '1'], eq: 1 }], ['{"topic":["x",1]}']],
    ['a null that is there', [{ path: ['topic'], eq: null }], ['{"deep":{"n":1},"topic":null}']],
    ['a nested value', [{ path: ['deep', 'n'], eq: 1 }], ['{"deep":{"n":1},"topic":null}']],
    [
      'one of several',
      [{ path: ['topic'], in: ['x', null] }],
      ['{"deep":{"n":1},"topic":null}', '{"topic":"x"}', '{"topic":["x",1]}'],
    ],
    ['none of several', [{ path: ['topic'], notIn: ['x', null] }], ['{}']],
    ['another value', [{ path: ['topic'], ne: 'x' }], ['{"deep":{"n":1},"topic":null}', '{}']],
    ['a lesser number', [{ path: ['deep', 'n'], lt: 1.5 }], ['{"deep":{"n":1},"topic":null}']],
    ['a number that is no text', [{ path: ['deep', 'n'], lt: '2' }], []],
    ['a greater number in a list', [{ path: ['topic'], gte: 1 }], ['{"topic":["x",1]}']],
    ['a range of texts', [{ path: ['topic'], gt: 'w', lte: 'x' }], ['{"topic":"x"}', '{"topic":["x",1]}']],
    ['a part of a text', [{ path: ['topic'], contains: 'X' }], ['{"topic":"x"}', '{"topic":["x",1]}']],
    ['the end of a text, in its case', [{ path: ['topic'], endsWith: 'X' }], []],
    ['a pattern', [{ path: ['topic'], matches: '^[w-y]$' }], ['{"topic":"x"}', '{"topic":["x",1]}']],
    ['none of none', [{ path: ['topic'], in: [] }], []],
    ['absence', [{ path: ['topic'], exists: false }], ['{}']],
    [
      'the opposite, where it is absent too',
      [{ path: ['topic'], eq: 'x', not: true }],
      ['{"deep":{"n":1},"topic":null}', '{}'],
    ],
    [
      'all of several',
      [
        { path: ['topic'], exists: true },
        { path: ['deep'], exists: true },
      ],
      ['{"deep":{"n":1},"topic":null}'],
    ],
    ['special keys', [{ path: ['__proto__'], exists: true }], []],
  ])('%s', async (_, metadata, expected) => {
    expect(await titles(...metadata)).toEqual(expected);
  });
});

describe('what passes the bounds is refused', () => {
  const nested = (levels: number): object => (levels === 0 ? { title: { eq: 'x' } } : { not: nested(levels - 1) });
  test.each([
    ['depth', nested(5), /5 levels/],
    ['depth within a column', { title: { not: { not: { not: { not: { not: { eq: 'x' } } } } } } }, /5 levels/],
    ['values of in', { title: { in: Array.from({ length: 501 }, String) } }, /at most 500/],
    [
      'conditions',
      { or: Array.from({ length: 101 }, (_, index) => ({ title: { eq: String(index) } })) },
      /at most 100/,
    ],
    ['a long text', { title: { contains: 'x'.repeat(1_000_000) } }, /at most 2000/],
    ['NUL', { title: { eq: 'a\0b' } }, /NUL/],
    ['null where it means nothing', { title: { contains: null } }, /means nothing/],
    ['an empty path', { metadata: [{ path: [], eq: 1 }] }, /must not be empty/],
    ['no condition at a path', { metadata: [{ path: ['a'] }] }, /needs/],
    ['NUL in a path', { metadata: [{ path: ['a\0'], eq: 1 }] }, /NUL/],
  ])('%s', async (_, where, message) => {
    const { codes, errors } = await fixture.ask('filters', LIST, { where });
    expect(codes).toEqual(['BAD_USER_INPUT']);
    expect(errors?.[0]?.message).toMatch(message);
  });

  test('five levels and five hundred values are within them', async () => {
    expect(await found(nested(4))).toEqual([]);
    expect(await found(nested(3))).toHaveLength(rows.length);
    expect(await found({ title: { in: Array.from({ length: 500 }, String) } })).toEqual([]);
  });
});
