/**
 * Lists in the order of what other stores have, against whoever loads everything and sorts: the same objects in the same order, in pages
 * of any size, read from either end.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import type { Engine } from '#gateway/execute/engine.ts';
import { compareCodePoints } from '#subgraphs/shared/code-points.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { NEO4J, neo4jVariables } from '#tests/setup/given-stores.ts';
import { fc } from '#tests/setup/property.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { randomBytes } from 'node:crypto';
import { asking, engineOf, inPages } from './asking.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */

const DOCUMENTS = 26;
/** Stores that others use too have tenants of others. */
const run = randomBytes(4).toString('hex');
const CALLER: Principal = { ...DEVELOPER, tenantId: `orders-${run}` };
const STRANGER: Principal = { ...DEVELOPER, tenantId: `orders-stranger-${run}`, subject: 'stranger' };

let server: TestServer;
/** As it is served; with pages of a few; where next to nothing may be pushed. */
let engine: Engine;
let small: Engine;
let narrow: Engine;

const { asked, dataOf, writeDocument, refusesDocuments } = asking(() => ({ on: engine, as: CALLER }));

async function write(index: number, as: Principal = CALLER): Promise<void> {
  const input = {
    // Ties of titles, of sizes and of counts; and texts whose order is not that of UTF-16.
    title: ['b', 'a', '\uffd7', '😀', 'B'][index % 5],
    source: `made/${index}.md`,
    mediaType: index % 3 === 0 ? 'text/plain' : 'text/markdown',
    text: `Pigeon.${' It coos.'.repeat(index % 4)}`,
    entities: Array.from({ length: index % 4 }, (_, at) => ({ name: `package-${(index + at) % 6}`, kind: 'package' })),
    relations: [],
  };
  await writeDocument(input, as);
}

async function writeRuns(): Promise<void> {
  const agents: string[] = [];
  for (const name of ['one', 'two', 'three', 'idle']) {
    const { createAgent } = await dataOf(
      'mutation($name: String!) { createAgent(input: { name: $name }) { agent { id } } }',
      { name },
    );
    agents.push(createAgent.agent.id);
  }
  for (let index = 0; index < 8; index++) {
    const { startRun } = await dataOf('mutation($id: ID!) { startRun(input: { agentId: $id }) { run { id } } }', {
      id: agents[index % 3],
    });
    for (let at = 0; at < index % 3; at++)
      await dataOf('mutation($input: CreateArtifactInput!) { createArtifact(input: $input) { artifact { id } } }', {
        input: { runId: startRun.run.id, path: `made/${at}`, mediaType: 'text/markdown' },
      });
  }
}

beforeAll(async () => {
  server = await startTestServer(NEO4J.uri === undefined ? {} : neo4jVariables(NEO4J.uri));
  engine = await engineOf(server);
  small = await engineOf(server, (sdl) => inPages(sdl, 5), { nested: 2 });
  narrow = await engineOf(server, (sdl) => inPages(sdl, 4), { pushed: 5 });
  for (let index = 0; index < DOCUMENTS; index++) await write(index);
  for (let index = 0; index < 4; index++) await write(index, STRANGER);
  await writeRuns();
  await delivered(server);
  // One has no file: nulls count as the largest.
  const { documents } = await dataOf('{ documents(first: 1) { nodes { file { key } } } }');
  await dataOf('mutation($key: String!) { deleteObject(input: { key: $key }) { deleted } }', {
    key: documents.nodes[0].file.key,
  });
}, 120_000);
afterAll(async () => {
  for (const each of [engine, small, narrow]) await each?.close();
  await server?.[Symbol.asyncDispose]();
});

type Level = Record<string, any>;
type Value = string | number | null;

/** What one level sorts by, and which way. */
interface Sorted {
  readonly level: Level;
  readonly of: (node: any) => Value;
  readonly direction: 'ASC' | 'DESC';
}

const directions = fc.constantFrom<'ASC' | 'DESC'>('ASC', 'DESC');
const own = (field: string, of: (node: any) => Value): fc.Arbitrary<Sorted> =>
  directions.map((direction) => ({ level: { field, direction }, of, direction }));
const linked = (name: string, field: string, of: (node: any) => Value): fc.Arbitrary<Sorted> =>
  directions.map((direction) => ({ level: { [name]: { field, direction } }, of, direction }));
const counted = (name: string): fc.Arbitrary<Sorted> =>
  directions.map((direction) => ({
    level: { [name]: 'COUNT', direction },
    of: (it) => it[name].nodes.length,
    direction,
  }));

/** What has no value counts as the largest; ids go the way of the last level. */
function sorted(nodes: readonly any[], levels: readonly Sorted[], key: string): string[] {
  const compare = (one: Value, other: Value): number => {
    if (one === other) return 0;
    if (one === null || other === null) return one === null ? 1 : -1;
    return typeof one === 'string' ? compareCodePoints(one, String(other)) : one - Number(other);
  };
  return [...nodes]
    .sort((one, other) => {
      for (const { of, direction } of levels) {
        const order = compare(of(one), of(other));
        if (order !== 0) return direction === 'ASC' ? order : -order;
      }
      const order = compareCodePoints(one[key], other[key]);
      return levels.at(-1)!.direction === 'DESC' ? -order : order;
    })
    .map((node) => node[key]);
}

const name = (index: number): string => `package-${index}`;
/** Filters, and whether something meets them. */
const documentFilters = fc.constantFrom<[object, (it: any) => boolean]>(
  [{}, () => true],
  [{ title: { in: ['a', 'b'] } }, (it) => ['a', 'b'].includes(it.title)],
  [
    { entities: { some: { name: { in: [name(0), name(1)] } } } },
    (it) => it.entities.nodes.some((each: any) => [name(0), name(1)].includes(each.name)),
  ],
  [{ entities: { count: { gte: 2 } } }, (it) => it.entities.nodes.length >= 2],
  [{ not: { entities: { count: { in: [1, 3] } } } }, (it) => ![1, 3].includes(it.entities.nodes.length)],
  [{ file: { size: { gt: 20 } } }, (it) => (it.file?.size ?? 0) > 20],
  [{ id: { in: [] } }, () => false],
);

const LISTS = {
  documents: {
    type: 'Document',
    key: 'id',
    selected: 'id title file { key size } entities(first: 200) { nodes { name } }',
    levels: fc.oneof(
      linked('file', 'SIZE', (it) => it.file?.size ?? null),
      linked('file', 'KEY', (it) => it.file?.key ?? null),
      counted('entities'),
      own('TITLE', (it) => it.title),
    ),
    filters: documentFilters,
  },
  entities: {
    type: 'Entity',
    key: 'id',
    selected: 'id name documents(first: 200) { nodes { id } }',
    levels: counted('documents'),
    filters: fc.constantFrom<[object, (it: any) => boolean]>(
      [{}, () => true],
      [{ documents: { count: { lt: 7 } } }, (it) => it.documents.nodes.length < 7],
    ),
  },
  objects: {
    type: 'StoredObject',
    key: 'key',
    selected: 'key size documents(first: 200) { nodes { id } }',
    levels: fc.oneof(
      own('SIZE', (it) => it.size),
      own('KEY', (it) => it.key),
      counted('documents'),
    ),
    filters: fc.constantFrom<[object, (it: any) => boolean]>(
      [{}, () => true],
      [{ size: { gt: 20 } }, (it) => it.size > 20],
    ),
  },
  runs: {
    type: 'Run',
    key: 'id',
    selected: 'id agent { name } artifacts(first: 200) { nodes { id } }',
    levels: fc.oneof(
      linked('agent', 'NAME', (it) => it.agent?.name ?? null),
      counted('artifacts'),
    ),
    filters: fc.constantFrom<[object, (it: any) => boolean]>(
      [{}, () => true],
      [{ artifacts: { count: { eq: 0 } } }, (it) => it.artifacts.nodes.length === 0],
    ),
  },
  agents: {
    type: 'Agent',
    key: 'id',
    selected: 'id name runs(first: 200) { nodes { id } }',
    levels: fc.oneof(
      counted('runs'),
      own('NAME', (it) => it.name),
    ),
    filters: fc.constantFrom<[object, (it: any) => boolean]>(
      [{}, () => true],
      [{ runs: { count: { gt: 2 } } }, (it) => it.runs.nodes.length > 2],
    ),
  },
} as const;

describe('like whoever loads everything and sorts', () => {
  for (const [list, { type, key, selected, levels, filters }] of Object.entries(LISTS))
    for (const [how, on, most] of [
      ['as it is served', () => engine, 40],
      ['in pages of a few', () => small, 5],
      ['where next to nothing is pushed', () => narrow, 4],
    ] as const)
      test(`${list}, ${how}`, async () => {
        const all = (await dataOf(`{ list: ${list}(first: 200) { nodes { ${selected} } } }`)).list.nodes as any[];
        // Object stores list one way only.
        const isTwoWay = list !== 'objects';
        const query = `query($where: ${type}Filter, $order: [${type}Order!], $first: Int, $after: String${isTwoWay ? ', $last: Int, $before: String' : ''}) {
          list: ${list}(where: $where, orderBy: $order, first: $first, after: $after${isTwoWay ? ', last: $last, before: $before' : ''}) {
            totalCount edges { cursor node { ${key} } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
          }
        }`;
        await fc.assert(
          fc.asyncProperty(
            fc.uniqueArray(levels as fc.Arbitrary<Sorted>, {
              minLength: 1,
              maxLength: 3,
              selector: ({ level }) => JSON.stringify({ ...level, direction: 0 }).replace(/"(ASC|DESC)"/, ''),
            }),
            filters as fc.Arbitrary<[object, (it: any) => boolean]>,
            fc.integer({ min: 1, max: most }),
            async (given, [where, holds], size) => {
              const order = given.map(({ level }) => level);
              const expected = sorted(all.filter(holds), given, key);
              const forwards: string[] = [];
              for (let after: string | null = null; ;) {
                const { list: page } = await dataOf(query, { where, order, first: size, after }, { on: on() });
                expect(page.totalCount).toBe(expected.length);
                forwards.push(...page.edges.map(({ node }: any) => node[key]));
                expect(page.pageInfo.endCursor).toBe(page.edges.at(-1)?.cursor ?? null);
                if (!page.pageInfo.hasNextPage) break;
                after = page.pageInfo.endCursor;
              }
              expect(forwards).toEqual(expected);
              if (!isTwoWay) return;
              const backwards: string[] = [];
              for (let before: string | null = null; ;) {
                const { list: page } = await dataOf(query, { where, order, last: size, before }, { on: on() });
                backwards.unshift(...page.edges.map(({ node }: any) => node[key]));
                if (!page.pageInfo.hasPreviousPage) break;
                before = page.pageInfo.startCursor;
              }
              expect(backwards).toEqual(expected);
            },
          ),
          { numRuns: 12 },
        );
      }, 240_000);
});

describe('what it may not stand with is said', () => {
  const refusals: [string, string, RegExp][] = [
    ['two things at once', 'orderBy: [{ field: TITLE, entities: COUNT }]', /`field` and `entities` at once/],
    ['nothing', 'orderBy: [{ direction: DESC }]', /does not say what to sort by/],
    ['which way twice', 'orderBy: [{ file: { field: SIZE }, direction: DESC }]', /stands beside `file`/],
    ['one thing twice', 'orderBy: [{ entities: COUNT }, { entities: COUNT, direction: DESC }]', /names a field twice/],
    [
      'too many',
      'orderBy: [{ entities: COUNT }, { field: TITLE }, { field: SOURCE }, { field: CREATED_AT }, { field: UPDATED_AT }, { field: MEDIA_TYPE }]',
      /at most 5 fields/,
    ],
    ['too long a page', 'orderBy: [{ entities: COUNT }], first: 201', /from 0 to 200/],
    ['pages both ways', 'orderBy: [{ entities: COUNT }], first: 2, last: 2', /cannot be mixed/],
    ['a cursor of another list', 'orderBy: [{ entities: COUNT }], after: "WyJkb2N1bWVudHMiLDFd"', /cursor/],
    ['no cursor', 'orderBy: [{ entities: COUNT }], after: "💥"', /cursor/],
  ];
  for (const [what, given, message] of refusals) test(what, () => refusesDocuments(given, message));

  test('a cursor whose values are none', async () => {
    const query =
      'query($after: String) { documents(orderBy: [{ file: { field: SIZE } }], first: 2, after: $after) { pageInfo { endCursor } } }';
    const { documents } = await dataOf(query);
    const values = JSON.parse(Buffer.from(documents.pageInfo.endCursor as string, 'base64url').toString()) as unknown[];
    for (const wrong of ['x', '1e9', true, 7, '9'.repeat(64 * 1024)]) {
      const after = Buffer.from(JSON.stringify([values[0], wrong, values[2]])).toString('base64url');
      const { errors } = await asked(query, { after });
      expect(errors, String(wrong).slice(0, 9)).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    }
  });

  test('lists within an object', async () => {
    const query = '{ entities(first: 1) { nodes { documents(orderBy: [{ entities: COUNT }]) { nodes { id } } } } }';
    expect((await asked(query)).errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
  });
});

describe('variables within an order', () => {
  test.each([
    ['the way of a field', '$given: OrderDirection!', '[{ field: TITLE, direction: $given }]', 'DESC'],
    ['the way, with a default', '$given: OrderDirection = ASC', '[{ field: TITLE, direction: $given }]', 'DESC'],
    ['the field', '$given: DocumentOrderField!', '[{ field: $given, direction: DESC }]', 'TITLE'],
    ['the field, which may be null', '$given: DocumentOrderField', '[{ field: $given, direction: DESC }]', 'TITLE'],
    ['the field of the only level', '$given: DocumentOrderField', '{ field: $given, direction: DESC }', 'TITLE'],
    ['a level', '$given: DocumentOrder!', '[$given]', { field: 'TITLE', direction: 'DESC' }],
    ['all', '$given: [DocumentOrder!]', '$given', [{ field: 'TITLE', direction: 'DESC' }]],
  ])('%s', async (_, variable, order, given) => {
    const query = (variables: string, by: string, filter: string): string =>
      `query${variables} { documents(orderBy: ${by}, ${filter} first: 200) { nodes { title } } }`;
    for (const filter of ['', 'where: { title: { ne: "x" }, or: [{ id: { isNull: false } }] },']) {
      const expected = await dataOf(query('', '[{ field: TITLE, direction: DESC }]', filter));
      expect(expected.documents.nodes.length).toBeGreaterThan(10);
      expect(await dataOf(query(`(${variable})`, order, filter), { given })).toEqual(expected);
    }
  });

  test('beside the order of another store, and in lists of objects', async () => {
    const query = (by: string, within: string): string =>
      `query($field: DocumentOrderField, $way: OrderDirection, $size: StoredObjectOrderField!) {
        documents(orderBy: ${by}, first: 200) { nodes { title } }
        entities(first: 5) { nodes { documents(first: 3, orderBy: ${within}) { edges { node { title } } } } }
        agents(first: 2) { nodes { runs(orderBy: [{ field: CREATED_AT, direction: $way }], first: 3) { nodes { id } } } }
        unused: documents(first: 1, orderBy: [{ field: $field }, { file: { field: $size } }]) { nodes { id } }
      }`;
    const variables = { field: 'TITLE', way: 'DESC', size: 'SIZE' };
    expect(
      await dataOf(
        query(
          '[{ file: { field: $size, direction: $way } }, { field: $field, direction: $way }]',
          '[{ field: $field, direction: $way }]',
        ),
        variables,
      ),
    ).toEqual(
      await dataOf(
        query(
          '[{ file: { field: SIZE, direction: DESC } }, { field: TITLE, direction: DESC }]',
          '[{ field: TITLE, direction: DESC }]',
        ),
        variables,
      ),
    );
  });

  test('that say nothing, or what there is not, are told', async () => {
    const query = 'query($field: DocumentOrderField) { documents(orderBy: [{ field: $field }]) { nodes { id } } }';
    for (const field of [null, undefined, 'NOTHING']) {
      const { errors } = await asked(query, { field });
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    }
  });
});

test('more than may be read is refused, or the best of what was', async () => {
  const few = await engineOf(server, (sdl) => inPages(sdl, 5), { candidates: 12 });
  const query = `query($approximate: Boolean) {
    documents(orderBy: [{ file: { field: SIZE, direction: DESC } }], first: 3, approximate: $approximate) { nodes { id } }
  }`;
  expect((await asked(query, {}, { on: few })).errors).toMatchObject([
    { path: ['documents'], extensions: { code: 'QUERY_TOO_COSTLY', hint: expect.any(String) as string } },
  ]);
  const { data, errors, extensions } = await asked(query, { approximate: true }, { on: few });
  expect(errors).toBeUndefined();
  expect(data.documents.nodes).toHaveLength(3);
  expect(extensions!.approximate).toMatchObject([{ path: ['documents'] }]);
  await few.close();
});

test.each([[[null]], [['TITLE', null]], [[7]], [[[]]], [{ file: [null] }], [[{ file: { field: null } }, {}]], [true]])(
  'values of variables that do not fit are told as such: %j',
  async (order) => {
    const { errors } = await asked('query($order: [DocumentOrder!]) { documents(orderBy: $order) { totalCount } }', {
      order,
    });
    expect(errors!.length).toBeGreaterThan(0);
    for (const { extensions } of errors!) expect(extensions['code']).toBe('BAD_USER_INPUT');
  },
);

test('errors below an object are told where it stands', async () => {
  const { data, errors } = await asked(
    '{ documents(orderBy: [{ entities: COUNT, direction: DESC }], first: 6) { all: nodes { id file { text(maxBytes: 0) } } } }',
  );
  expect(errors!.length).toBeGreaterThan(0);
  for (const { path } of errors!) {
    expect(path!.slice(0, 2)).toEqual(['documents', 'all']);
    expect(data.documents.all[path![2]!]).toBeDefined();
  }
});

test('tenants see nothing of one another’s', async () => {
  const found = await dataOf(
    `{ documents(orderBy: [{ file: { field: SIZE } }], first: 50) { totalCount nodes { source } }
       entities(orderBy: [{ documents: COUNT, direction: DESC }], first: 50) { nodes { documents { nodes { source } } } }
       counted: entities(where: { documents: { count: { gt: 4 } } }) { totalCount }
       objects(orderBy: [{ field: SIZE, direction: DESC }], first: 50) { totalCount } }`,
    {},
    { as: STRANGER },
  );
  expect(found.documents.totalCount).toBe(4);
  expect(found.objects.totalCount).toBe(4);
  expect(found.counted.totalCount).toBe(0);
  for (const { documents } of found.entities.nodes)
    for (const { source } of documents.nodes) expect(source).toMatch(/^made\/[0-3]\.md$/);
});
