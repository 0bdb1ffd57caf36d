import { fc } from '#tests/setup/property.ts';
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
const TITLES = [
  'GraphQL',
  'graphql-js',
  'a_b',
  'a%b',
  'aXb',
  'back\\slash',
  'Über',
  'über',
  'été',
  'x😀y',
  '',
  'Zoo',
].map((title) => title || ' .');

beforeAll(async () => {
  fixture = await createRelationalFixture();
  for (const [index, title] of TITLES.entries()) {
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

/** As JavaScript reads a pattern, which is not how the stores are given it. */
const oracleOf = (pattern: string): RegExp =>
  pattern.startsWith('(?i)') ? new RegExp(pattern.slice(4), 'isu') : new RegExp(pattern, 'su');

/** The meaning of a filter, said without SQL. */
type Operators = Record<string, unknown>;
function matches(row: Row, where: Record<string, unknown>): boolean {
  return Object.entries(where).every(([name, value]) => {
    if (name === 'and') return (value as Record<string, unknown>[]).every((part) => matches(row, part));
    if (name === 'or') return (value as Record<string, unknown>[]).some((part) => matches(row, part));
    if (name === 'not') return !matches(row, value as Record<string, unknown>);
    return holds(
      name === 'createdAt' ? Date.parse(row.createdAt) : row[name as keyof Row],
      value as Operators,
      name === 'createdAt',
    );
  });
}
function holds(value: unknown, operators: Operators, moment: boolean): boolean {
  return Object.entries(operators).every(([operator, operand]) => {
    if (operator === 'not') return !holds(value, operand as Operators, moment);
    if (operator === 'in')
      return (operand as unknown[]).map((one) => (moment ? Date.parse(one as string) : one)).includes(value);
    if (operator === 'notIn') return !holds(value, { in: operand }, moment);
    if (operator === 'ne') return !holds(value, { eq: operand }, moment);
    if (operator === 'isNull') return (value === null) === operand;
    // What follows compares, and nothing compares with what is not there.
    if (value === null && operand !== null) return false;
    if (operator === 'matches') return oracleOf(operand as string).test(String(value));
    if (operator === 'endsWith') return String(value).endsWith(String(operand));
    if (operator === 'contains') return String(value).toLowerCase().includes(String(operand).toLowerCase());
    if (operator === 'startsWith') return String(value).startsWith(String(operand));
    if (operator === 'eq' && operand === null) return value === null;
    const other = moment ? Date.parse(operand as string) : operand;
    if (operator === 'eq') return value === other;
    const [a, b] =
      typeof value === 'string'
        ? [Buffer.compare(Buffer.from(value), Buffer.from(String(other))), 0]
        : [value as number, other as number];
    return operator === 'gt' ? a > b : operator === 'gte' ? a >= b : operator === 'lt' ? a < b : a <= b;
  });
}

const part = fc.constantFrom('a', 'A', '_', '%', '\\', 'graph', 'GRAPH', 'ü', 'Ü', 'é', '😀', 'a_', 'x', '', '.');
const text = fc.constantFrom(...TITLES, 'nothing');
const pattern = fc.constantFrom(
  '^a',
  'js$',
  '^a.b$',
  '[_%]',
  '(?i)^(graph|über|zoo)',
  '(?i)ÉTÉ',
  '^.{3}$',
  '\\\\',
  '^\\w+$',
  '^[^a-z]',
  '\\d',
  'a?[x-z]',
  '^(ü|Ü)b',
  '😀',
  '^x.y$',
  '',
  'ql-?j{0,1}',
  '\\W',
);
const stringFilter = (nots: number): fc.Arbitrary<Operators> =>
  fc.oneof(
    fc.record({ eq: fc.option(text) }),
    fc.record({ ne: fc.option(text) }),
    fc.record({ isNull: fc.boolean() }),
    fc.record({ in: fc.array(text, { maxLength: 3 }) }),
    fc.record({ notIn: fc.array(text, { maxLength: 3 }) }),
    fc.record({ contains: part, startsWith: part, endsWith: part }, { requiredKeys: [] }),
    fc.record({ matches: pattern }),
    fc.record({ lt: text, lte: text, gt: text, gte: text }, { requiredKeys: [] }),
    ...(nots > 0 ? [fc.record({ not: stringFilter(nots - 1) })] : []),
  );
const dateFilter = fc
  .constantFrom('gt', 'gte', 'lt', 'lte', 'eq')
  .chain((operator) => fc.nat().map((index) => ({ [operator]: rows[index % rows.length]!.createdAt })));
const filter = (levels: number): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(
    {
      title: stringFilter(1),
      mediaType: fc.constantFrom({ eq: 'text/plain' }, { not: { eq: 'text/plain' } }, { startsWith: 'text/m' }),
      createdAt: dateFilter,
      ...(levels > 0
        ? {
            and: fc.array(filter(levels - 1), { maxLength: 2 }),
            or: fc.array(filter(levels - 1), { maxLength: 2 }),
            not: filter(levels - 1),
          }
        : {}),
    },
    { requiredKeys: [] },
  );

test('filters mean what the oracle says', async () => {
  await fc.assert(
    fc.asyncProperty(filter(2), async (where) => {
      expect(await found(where)).toEqual(
        rows
          .filter((row) => matches(row, where))
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
