import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aggregate, aggregates, answered, queryOf, type Kinds, type Row } from '#tests/contract/aggregate-oracle.ts';
import { fc } from '#tests/setup/property.ts';
import { createRelationalFixture, note, UPSERT, type RelationalFixture } from './relational-fixture.ts';

const TENANT = 'measured';
let fixture: RelationalFixture;
let owner: pg.Client;

const USAGE: Kinds = {
  operation: 'enum',
  provider: 'text',
  inputTokens: 'int',
  outputTokens: 'int',
  estimated: 'boolean',
  createdAt: 'moment',
};
const FACTS: Kinds = { key: 'text', source: 'text', agentId: 'id', createdAt: 'moment' };
const DOCUMENTS: Kinds = { collection: 'text', mediaType: 'text', metadata: 'json' };
const LISTS: [list: string, kinds: Kinds, paths: string[][], made: () => Row[]][] = [
  ['usageRecords', USAGE, [], usage],
  ['memoryFacts', FACTS, [], facts],
  ['documents', DOCUMENTS, [['license'], ['deep', 'n'], ["'; --"], ['nothing']], documents],
];

/** Around the days when clocks are set, among others. */
const MOMENTS = [
  '2026-03-29T00:30:00.000Z',
  '2026-03-29T01:30:00.000Z',
  '2026-10-25T00:15:00.000Z',
  '2026-10-25T01:15:00.000Z',
  '2026-10-25T02:15:00.000Z',
  '2026-11-01T05:59:59.999Z',
  '2026-11-01T06:00:00.000Z',
  '2026-04-04T14:45:00.000Z',
  '2026-04-04T15:15:00.000Z',
  '2025-12-31T23:30:00.000Z',
  '2026-01-01T00:00:00.000Z',
  '2026-02-28T18:45:00.123Z',
];

function usage(): Row[] {
  return Array.from({ length: 60 }, (_, at) => ({
    operation: ['EMBED', 'GENERATE', 'RERANK'][(at * 7) % 3],
    provider: ['own', 'Own', 'ünder', '\u{1f600}', '\uffee'][(at * 11) % 5],
    inputTokens: [0, 1, 2, 3, 7, 100, 2147483647][(at * 5) % 7],
    outputTokens: at % 13,
    estimated: at % 4 === 0,
    createdAt: MOMENTS[at % MOMENTS.length],
  }));
}
function facts(): Row[] {
  return Array.from({ length: 24 }, (_, at) => ({
    key: `key ${at % 5}`,
    source: [null, 'user', '', "o'clock"][at % 4],
    agentId: null,
    createdAt: MOMENTS[at % MOMENTS.length],
  }));
}
function documents(): Row[] {
  return Array.from({ length: 16 }, (_, at) => ({
    collection: ['notes', 'mails'][at % 2],
    mediaType: ['text/plain', 'text/markdown', 'text/html'][at % 3],
    metadata: [
      { license: 'MIT', deep: { n: 1 }, "'; --": 'x' },
      { license: 'ISC', deep: { n: 20 } },
      { license: null, deep: 'no' },
      { deep: { n: null } },
    ][at % 4],
  }));
}

beforeAll(async () => {
  fixture = await createRelationalFixture();
  owner = new pg.Client(fixture.url);
  await owner.connect();
  for (const [at, row] of usage().entries())
    await owner.query(
      `INSERT INTO relational.usage_records (tenant_id, id, operation, provider, model, input_tokens, output_tokens, estimated, subject, request_id, created_at)
       VALUES ($1, $2, $3, $4, 'm', $5, $6, $7, 's', 'r', $8)`,
      [
        TENANT,
        `usage_${at}`,
        row.operation,
        row.provider,
        row.inputTokens,
        row.outputTokens,
        row.estimated,
        row.createdAt,
      ],
    );
  for (const [at, row] of facts().entries())
    await owner.query(
      `INSERT INTO relational.memory_facts (tenant_id, id, key, value, source, created_at) VALUES ($1, $2, $3, 'v', $4, $5)`,
      [TENANT, `fact_${at}`, row.key, row.source, row.createdAt],
    );
  for (const [at, { collection, mediaType, metadata }] of documents().entries())
    await fixture.get(TENANT, UPSERT, note(`d${at}`, 'text', { collection, mediaType, metadata }));
});
afterAll(async () => {
  await owner.end();
  await fixture[Symbol.asyncDispose]();
});

const get = async (query: string, tenant = TENANT) => await fixture.get(tenant, query);
const refused = async (query: string): Promise<string> => {
  const { errors, codes } = await fixture.ask(TENANT, query);
  expect(codes).toEqual(['BAD_USER_INPUT']);
  return errors![0]!.message;
};

test.each(LISTS)(
  'aggregates of %s mean what the oracle says',
  async (list, kinds, paths, made) => {
    const rows = made();
    await fc.assert(
      fc.asyncProperty(aggregates(kinds, rows, paths), async (asked) => {
        const found = await get(queryOf(list, asked));
        expect(answered(found[`${list}Aggregate`], asked)).toEqual(aggregate(rows, asked));
        // Nothing of it is another tenant's.
        const other = await get(queryOf(list, asked), 'other');
        expect(answered(other[`${list}Aggregate`], asked)).toEqual(aggregate([], asked));
      }),
      { numRuns: 150 },
    );
  },
  120_000,
);

test('an aggregate is of what its list is of, in one statement', async () => {
  const { data, context } = await fixture.ask(
    TENANT,
    `{ usageRecordsAggregate(where: { operation: { eq: EMBED } }, groupBy: [{ field: CREATED_AT, bucket: YEAR }], orderBy: [{ field: CREATED_AT }]) {
        totalCount groups { keys { createdAt } count sum { inputTokens } p50: percentile(p: 0.5) { outputTokens } p95: percentile(p: 0.95) { outputTokens } } } }`,
  );
  const rows = usage().filter(({ operation }) => operation === 'EMBED');
  expect(data.usageRecordsAggregate.totalCount).toBe(2);
  expect(data.usageRecordsAggregate.groups.map((group: { count: number }) => group.count)).toEqual([
    rows.filter(({ createdAt }) => String(createdAt) < '2026').length,
    rows.filter(({ createdAt }) => String(createdAt) >= '2026').length,
  ]);
  expect(context.statements.counts()).toEqual({ postgres: 1 });
});

test('sums and averages have all their digits', async () => {
  const { usageRecordsAggregate } = await get(
    `{ usageRecordsAggregate(where: { inputTokens: { eq: 2147483647 } }) { groups { count sum { inputTokens } avg { inputTokens outputTokens } } } }`,
  );
  const [{ count, sum, avg }] = usageRecordsAggregate.groups;
  expect(sum.inputTokens).toBe(String(2147483647n * BigInt(count)));
  expect(avg.inputTokens).toBe('2147483647');
  expect(avg.outputTokens).toBe('5.75');
  const all = await get(`{ usageRecordsAggregate { groups { sum { outputTokens } avg { outputTokens } } } }`);
  expect(all.usageRecordsAggregate.groups).toEqual([
    { sum: { outputTokens: '340' }, avg: { outputTokens: '5.6666666666666667' } },
  ]);
});

test('where nothing matches there is one group without groupBy, and none with it', async () => {
  const none = await get(
    `{ a: usageRecordsAggregate(where: { model: { eq: "none" } }) { groups { count sum { inputTokens } max { createdAt } distinct { model } } totalCount truncated }
       b: usageRecordsAggregate(where: { model: { eq: "none" } }, groupBy: [{ field: MODEL }]) { groups { count } totalCount truncated } }`,
  );
  expect(none).toEqual({
    a: {
      groups: [{ count: 0, sum: { inputTokens: null }, max: { createdAt: null }, distinct: { model: 0 } }],
      totalCount: 1,
      truncated: false,
    },
    b: { groups: [], totalCount: 0, truncated: false },
  });
});

test('an hour that the clocks show twice is two hours', async () => {
  const { usageRecordsAggregate } = await get(
    `{ usageRecordsAggregate(groupBy: [{ field: CREATED_AT, bucket: HOUR, timeZone: "Europe/Berlin" }], orderBy: [{ field: CREATED_AT }],
        where: { createdAt: { gte: "2026-10-25T00:00:00Z", lt: "2026-10-25T03:00:00Z" } }) { groups { keys { createdAt } } } }`,
  );
  expect(usageRecordsAggregate.groups.map((group: { keys: { createdAt: string } }) => group.keys.createdAt)).toEqual([
    '2026-10-25T00:00:00.000Z',
    '2026-10-25T01:00:00.000Z',
    '2026-10-25T02:00:00.000Z',
  ]);
});

describe('refuses', () => {
  const of = (args: string, selected = 'count') =>
    `{ usageRecordsAggregate${args === '' ? '' : `(${args})`} { groups { ${selected} } } }`;
  const nested = (depth: number): string =>
    depth === 0 ? '{ measure: COUNT, gt: 1 }' : `{ not: ${nested(depth - 1)} }`;

  test.each(
    [
      [of('first: -1'), '`first` must not be negative'],
      [of('first: 1001'), '`first` is at most 1000'],
      [of(`groupBy: [${'{ field: MODEL }'.repeat(64)}]`), 'at most 8 fields; got 64'],
      [of('groupBy: [{ field: MODEL }, { field: MODEL }]'), 'names `model` twice'],
      [of('groupBy: [{ field: MODEL, bucket: DAY }]'), '`bucket` is for times, which `MODEL` is not'],
      [of('groupBy: [{ field: MODEL, width: 1 }]'), '`width` is for numbers'],
      [of('groupBy: [{ field: MODEL, timeZone: "UTC" }]'), '`timeZone` goes with `bucket`'],
      [of('groupBy: [{ field: INPUT_TOKENS, width: 0 }]'), 'a number above 0'],
      [of('groupBy: [{ field: INPUT_TOKENS, width: -5 }]'), 'a number above 0'],
      [of('groupBy: [{ field: INPUT_TOKENS, width: "NaN" }]'), 'a number above 0'],
      [of('groupBy: [{ field: INPUT_TOKENS, width: "0.5" }]'), 'a whole `width`'],
      ...['+02:00', "Europe/Berlin'; DROP TABLE", 'Mars/Olympus', '', 'a'.repeat(10_000)].map(
        (zone): [string, string] => [
          of(`groupBy: [{ field: CREATED_AT, bucket: DAY, timeZone: "${zone}" }]`),
          'There is no time zone',
        ],
      ),
      [of('', 'keys { model }'), '`keys` has `model`, which `groupBy` does not name'],
      [of('', 'percentile(p: 1.5) { inputTokens }'), '`p` is a share from 0 to 1; got 1.5'],
      [of('', 'percentile(p: -0.1) { inputTokens }'), '`p` is a share from 0 to 1'],
      [of('having: { measure: PERCENTILE, field: INPUT_TOKENS, p: 95, gt: 1 }'), '`p` is a share from 0 to 1; got 95'],
      [of('having: { measure: PERCENTILE, field: INPUT_TOKENS, gt: 1 }'), 'needs a `p`'],
      [of('having: { measure: SUM, field: MODEL, gt: 1 }'), 'There is no `SUM` of `MODEL`'],
      [of('having: { measure: SUM, gt: 1 }'), '`SUM` needs a `field`'],
      [of('having: { measure: COUNT, field: MODEL, gt: 1 }'), '`COUNT` counts rows'],
      [of('having: { measure: COUNT }'), 'needs an operator'],
      [of('having: { gt: 1 }'), 'compares a `measure`'],
      [of('having: { measure: COUNT, gt: null }'), 'means nothing'],
      [of('having: { measure: COUNT, gt: "many" }'), 'compares with a number'],
      [of('having: { measure: COUNT, gt: "1; DROP TABLE x" }'), 'compares with a number'],
      [of('having: { measure: COUNT, gt: "Infinity" }'), 'compares with a number'],
      [of('having: { measure: MAX, field: CREATED_AT, gt: "2026-01-01T00:00:00" }'), 'with a time zone'],
      [of('having: { measure: MAX, field: MODEL, gt: 5 }'), 'compares with a text'],
      [of(`having: ${nested(6)}`), 'at most 5 levels deep'],
      [of(`having: { or: [${'{ measure: COUNT, gt: 1 }'.repeat(51)}] }`), 'at most 50 conditions'],
      [of('orderBy: [{ field: MODEL }]'), '`orderBy` names `MODEL`, which `groupBy` does not'],
      [of('orderBy: [{}]'), 'names a `field` of `groupBy`, or a `measure`'],
      [of('orderBy: [{ measure: COUNT }, { measure: COUNT, direction: DESC }]'), 'names the same twice'],
      [
        of('', Array.from({ length: 101 }, (_, at) => `p${at}: percentile(p: ${at / 1000}) { inputTokens }`).join(' ')),
        'at most 100 measures',
      ],
      ['{ documentsAggregate(groupBy: [{ field: METADATA }]) { groups { count } } }', 'needs a `path`'],
      ['{ documentsAggregate(groupBy: [{ field: METADATA, path: [] }]) { groups { count } } }', 'needs a `path`'],
      ['{ documentsAggregate(groupBy: [{ field: METADATA, path: ["\\u0000"] }]) { groups { count } } }', 'NUL'],
      [
        `{ documentsAggregate(groupBy: [{ field: METADATA, path: [${'"a" '.repeat(13)}] }]) { groups { count } } }`,
        'at most 12 keys',
      ],
      [
        '{ documentsAggregate(groupBy: [{ field: METADATA, path: ["a"] }]) { groups { keys { metadata(path: ["b"]) } } } }',
        'which `groupBy` does not name',
      ],
    ].map(([query, why]) => ({ query: query!, why: why! })),
  )('$why', async ({ query, why }) => {
    expect(await refused(query)).toContain(why);
  });
});

test.each([
  [`first: 0`, { groups: [], truncated: true, totalCount: 5 }],
  [`first: 2`, { truncated: true, totalCount: 5 }],
  [`first: 5`, { truncated: false, totalCount: 5 }],
])('says of %s whether there are more', async (args, expected) => {
  const { usageRecordsAggregate } = await get(
    `{ usageRecordsAggregate(groupBy: [{ field: PROVIDER }], ${args}) { groups { count } truncated totalCount } }`,
  );
  expect(usageRecordsAggregate).toMatchObject(expected);
});

test('groups of what is unique are as many as are asked for, whatever their number', async () => {
  await owner.query(
    `INSERT INTO relational.usage_records (tenant_id, id, operation, provider, model, input_tokens, output_tokens, estimated, subject, request_id)
     SELECT 'large', 'usage_' || n, 'EMBED', 'p', 'model ' || n, n, 0, false, 's', 'r' FROM generate_series(1, 100000) AS n`,
  );
  const { usageRecordsAggregate } = await get(
    `{ usageRecordsAggregate(groupBy: [{ field: MODEL }], orderBy: [{ measure: SUM, field: INPUT_TOKENS, direction: DESC }], first: 1000) {
        groups { keys { model } } truncated totalCount } }`,
    'large',
  );
  expect(usageRecordsAggregate).toMatchObject({ truncated: true, totalCount: 100_000 });
  expect(usageRecordsAggregate.groups).toHaveLength(1000);
  expect(usageRecordsAggregate.groups[0].keys.model).toBe('model 100000');
});
