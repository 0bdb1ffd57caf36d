/**
 * Filters by what stored objects are, and of stored objects by what they belong to, against whoever loads everything and looks: the
 * same, in the same order, in pages of any size, whichever way the conditions are worked out.
 */
import { parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import type { ConditionTrace } from '#gateway/conditions/steps.ts';
import type { Engine } from '#gateway/execute/engine.ts';
import { createRequestContext, type Principal } from '#subgraphs/shared/context.ts';
import { fc } from '#tests/setup/property.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { asking, engineOf, inPages } from './asking.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */

const DOCUMENTS = 24;
const STRANGER: Principal = { ...DEVELOPER, tenantId: 'stranger', subject: 'stranger' };
/** Of no document. */
const LOOSE = ['loose/!', 'loose/a.md', 'loose/caf\u00e9', 'loose/cafe\u0301', 'loose/\uffd7', 'loose/😀', 'z"q'];

let server: TestServer;
/** As it is served; with pages of a few, so that all ways are gone; where next to nothing may be pushed. */
let engine: Engine;
let small: Engine;
let narrow: Engine;

interface OracleObject {
  readonly key: string;
  readonly size: number;
  readonly mediaType: string;
}
interface OracleDocument {
  readonly id: string;
  readonly title: string;
  readonly file: string | undefined;
  readonly entities: readonly { readonly name: string; readonly kind: string }[];
}
interface OracleArtifact {
  readonly id: string;
  readonly path: string;
  readonly file: string | undefined;
}
let objects: Map<string, OracleObject>;
let documents: Map<string, OracleDocument>;
let artifacts: Map<string, OracleArtifact>;

const { asked, dataOf, writeDocument } = asking(() => ({ on: engine, as: DEVELOPER }));

async function write(index: number, as: Principal = DEVELOPER): Promise<void> {
  const input = {
    title: `Document ${Math.floor(index / 3)}`,
    source: `made/${index}.md`,
    mediaType: index % 3 === 0 ? 'text/plain' : 'text/markdown',
    text: `Pigeon number ${index} retries with backoff.${' It coos.'.repeat((index * 5) % 11)}`,
    entities: [
      { name: index % 2 === 0 ? 'ISC' : 'MIT', kind: 'license' },
      { name: `package-${index % 5}`, kind: 'package' },
    ],
  };
  await writeDocument(input, as);
}

async function writeObjects(): Promise<void> {
  const put = 'mutation($input: PutObjectInput!) { putObject(input: $input) { object { key } } }';
  for (const [index, key] of LOOSE.entries()) {
    const mediaType = index % 2 === 0 ? 'image/png' : 'text/markdown';
    await dataOf(put, { input: { key, mediaType, content: 'x'.repeat(index * 20), encoding: 'UTF8' } });
  }
  const { createAgent } = await dataOf('mutation { createAgent(input: { name: "maker" }) { agent { id } } }');
  const { startRun } = await dataOf('mutation($id: ID!) { startRun(input: { agentId: $id }) { run { id } } }', {
    id: createAgent.agent.id,
  });
  const create = 'mutation($input: CreateArtifactInput!) { createArtifact(input: $input) { artifact { id } } }';
  // Some share an object, some have none, and of some it is not there.
  for (const [index, fileKey] of [...LOOSE.slice(1), LOOSE[1], null, 'loose/gone', undefined].entries()) {
    const input = { runId: startRun.run.id, path: `made/${index % 4}/${index}`, mediaType: 'text/markdown', fileKey };
    await dataOf(create, { input });
  }
}

/** Everything, as the API tells it without a filter. */
async function load(): Promise<void> {
  const found = await dataOf(`{
    objects(first: 200) { nodes { key size mediaType } }
    documents(first: 200) { nodes { id title file { key } entities(first: 200) { nodes { name kind } } } }
    artifacts(first: 200) { nodes { id path file { key } } }
  }`);
  const fileOf = ({ file }: any): string | undefined => (objects.has(file?.key) ? file.key : undefined);
  objects = new Map(found.objects.nodes.map((each: any) => [each.key, each]));
  documents = new Map(
    found.documents.nodes.map((each: any) => [each.id, { ...each, file: fileOf(each), entities: each.entities.nodes }]),
  );
  artifacts = new Map(found.artifacts.nodes.map((each: any) => [each.id, { ...each, file: fileOf(each) }]));
  expect([...documents.values()].filter(({ file }) => file === undefined)).toHaveLength(1);
  expect(objects.size).toBe(DOCUMENTS - 1 + LOOSE.length);
}

beforeAll(async () => {
  server = await startTestServer();
  engine = await engineOf(server);
  small = await engineOf(server, (sdl) => inPages(sdl, 5), { nested: 2 });
  narrow = await engineOf(server, (sdl) => inPages(sdl, 3), { pushed: 5 });
  for (let index = 0; index < DOCUMENTS; index++) await write(index);
  for (let index = 0; index < 3; index++) await write(index, STRANGER);
  await writeObjects();
  await delivered(server);
  const { documents: some } = await dataOf('{ documents(first: 1) { nodes { file { key } } } }');
  const gone = some.nodes[0].file.key;
  await dataOf('mutation($key: String!) { deleteObject(input: { key: $key }) { deleted } }', { key: gone });
  await load();
});
afterAll(async () => {
  for (const each of [engine, small, narrow]) await each?.close();
  await server?.[Symbol.asyncDispose]();
});

type Filter = Record<string, any>;

const quantified = (filter: Filter, linked: readonly string[], holds: (id: string, of: Filter) => boolean): boolean =>
  (filter.some == null || linked.some((id) => holds(id, filter.some))) &&
  (filter.every == null || linked.every((id) => holds(id, filter.every))) &&
  (filter.none == null || !linked.some((id) => holds(id, filter.none)));

const common = (filter: Filter, holds: (of: Filter) => boolean): boolean =>
  (filter.and === undefined || filter.and.every(holds)) &&
  (filter.or === undefined || filter.or.some(holds)) &&
  (filter.not === undefined || !holds(filter.not));

const of = (all: Map<string, { id: string; file: string | undefined }>, key: string): string[] =>
  [...all.values()].filter(({ file }) => file === key).map(({ id }) => id);

function objectHolds(key: string, filter: Filter): boolean {
  const it = objects.get(key)!;
  return (
    common(filter, (part) => objectHolds(key, part)) &&
    (filter.size === undefined || it.size > Number(filter.size.gt)) &&
    (filter.mediaType === undefined || filter.mediaType.ne !== it.mediaType) &&
    (filter.key === undefined || key.startsWith(filter.key.startsWith)) &&
    (filter.documents == null || quantified(filter.documents, of(documents, key), documentHolds)) &&
    (filter.artifacts == null || quantified(filter.artifacts, of(artifacts, key), artifactHolds))
  );
}

const fileHolds = (file: string | undefined, filter: Filter): boolean =>
  filter.file == null || (file !== undefined && objectHolds(file, filter.file));

function documentHolds(id: string, filter: Filter): boolean {
  const it = documents.get(id)!;
  const named = filter.entities?.some?.name?.eq as string | undefined;
  return (
    common(filter, (part) => documentHolds(id, part)) &&
    (filter.title === undefined || filter.title.in.includes(it.title)) &&
    (named === undefined || it.entities.some(({ name }) => name === named)) &&
    fileHolds(it.file, filter)
  );
}

function artifactHolds(id: string, filter: Filter): boolean {
  const it = artifacts.get(id)!;
  return (
    common(filter, (part) => artifactHolds(id, part)) &&
    (filter.path === undefined || it.path.startsWith(filter.path.startsWith)) &&
    fileHolds(it.file, filter)
  );
}

const titles = fc.subarray(Array.from({ length: DOCUMENTS / 3 }, (_, index) => `Document ${index}`));

const { objectFilter, documentFilter, artifactFilter } = fc.letrec<Record<string, Filter>>((tie) => ({
  objectFilter: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'filters' },
    fc.integer({ min: -1, max: 150 }).map((size) => ({ size: { gt: String(size) } })),
    fc.constantFrom('text/markdown', 'image/png', 'none').map((type) => ({ mediaType: { ne: type } })),
    fc.constantFrom('loose/', 'loose/caf', 'documents/', 'z', 'none').map((begun) => ({ key: { startsWith: begun } })),
    fc.constantFrom({}, { documents: {} }, { artifacts: null }, { documents: { none: {} } }),
    fc.record({ documents: listed(tie('documentFilter')) }),
    fc.record({ artifacts: listed(tie('artifactFilter')) }),
    combined(tie('objectFilter')),
  ),
  documentFilter: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'filters' },
    titles.map((title) => ({ title: { in: title } })),
    fc.constantFrom({}, { file: {} }, { file: null }, { entities: { some: { name: { eq: 'ISC' } } } }),
    fc.record({ file: tie('objectFilter') }),
    fc.record({ title: titles.map((title) => ({ in: title })), file: tie('objectFilter') }),
    combined(tie('documentFilter')),
  ),
  artifactFilter: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'filters' },
    fc.constantFrom('made/1', 'made/2/', 'none').map((path) => ({ path: { startsWith: path } })),
    fc.record({ file: tie('objectFilter') }),
    combined(tie('artifactFilter')),
  ),
})) as Record<'objectFilter' | 'documentFilter' | 'artifactFilter', fc.Arbitrary<Filter>>;

function listed(each: fc.Arbitrary<Filter>): fc.Arbitrary<Filter> {
  return fc
    .record({ some: each, every: each, none: each }, { requiredKeys: [] })
    .map((filter) => Object.fromEntries(Object.entries(filter).slice(0, 2)));
}

function combined(each: fc.Arbitrary<Filter>): fc.Arbitrary<Filter> {
  return fc.oneof(
    fc.record({ and: fc.array(each, { maxLength: 2 }) }),
    fc.record({ or: fc.array(each, { maxLength: 2 }) }),
    fc.record({ not: each }),
  );
}

describe('like whoever loads everything and looks', () => {
  const LISTS = {
    objects: ['StoredObjectFilter', '', objectFilter, () => objects, objectHolds],
    documents: [
      'DocumentFilter',
      ', orderBy: [{ field: TITLE, direction: DESC }]',
      documentFilter,
      () => documents,
      documentHolds,
    ],
    artifacts: [
      'ArtifactFilter',
      ', orderBy: [{ field: PATH, direction: ASC }]',
      artifactFilter,
      () => artifacts,
      artifactHolds,
    ],
  } as const;

  for (const [list, [filter, order, arbitrary, all, holds]] of Object.entries(LISTS))
    for (const [how, on, counts, numRuns] of [
      ['as it is served', () => engine, true, 30],
      ['in pages of a few', () => small, true, 40],
      ['where it is walked', () => narrow, false, 25],
    ] as const)
      test(`${list}, ${how}`, async () => {
        const key = list === 'objects' ? 'key' : 'id';
        const query = `query($where: ${filter}, $first: Int, $after: String) {
          list: ${list}(where: $where, first: $first, after: $after${order}) {
            ${counts ? 'totalCount' : ''} nodes { ${key} } pageInfo { hasNextPage endCursor }
          }
        }`;
        // The order of all, as one store gives it.
        const { list: whole } = await dataOf(query, { first: 200 });
        const inOrder: string[] = whole.nodes.map((node: any) => node[key]);
        expect(new Set(inOrder)).toEqual(new Set(all().keys()));
        await fc.assert(
          fc.asyncProperty(
            arbitrary,
            fc.integer({ min: counts ? 4 : 1, max: counts ? 40 : 3 }),
            async (where, first) => {
              const expected = inOrder.filter((each) => holds(each, where));
              const found: string[] = [];
              for (let after: string | null = null; ;) {
                const { list: page } = await dataOf(query, { where, first, after }, { on: on() });
                found.push(...page.nodes.map((node: any) => node[key]));
                if (counts) expect(page.totalCount).toBe(expected.length);
                if (!page.pageInfo.hasNextPage) break;
                after = page.pageInfo.endCursor;
              }
              expect(found).toEqual(expected);
            },
          ),
          { numRuns },
        );
      }, 240_000);

  test('passages by the files of their documents, the best first', async () => {
    const query = `query($where: SearchFilter, $first: Int) {
      search(query: "a pigeon that retries", mode: VECTOR, where: $where, first: $first) { nodes { id document { id } } }
    }`;
    const { search: all } = await dataOf(query, { first: 200 });
    expect(all.nodes.length).toBeGreaterThanOrEqual(DOCUMENTS);
    for (const on of [small, narrow])
      await fc.assert(
        fc.asyncProperty(documentFilter, fc.integer({ min: 1, max: 4 }), async (document, first) => {
          const { search } = await dataOf(query, { where: { document }, first }, { on });
          const expected = all.nodes.filter((node: any) => documentHolds(node.document.id, document)).slice(0, first);
          expect(search.nodes).toEqual(expected);
        }),
        { numRuns: 20 },
      );
  }, 240_000);

  test('the sentence: larger than so much, about retries, licensed ISC', async () => {
    const where = {
      document: {
        file: { size: { gt: '80' } },
        entities: { some: { kind: { eq: 'license' }, name: { eq: 'ISC' } } },
      },
    };
    const query = `query($where: SearchFilter) {
      search(query: "retries", where: $where, first: 50) { nodes { document { id file { size } } } }
    }`;
    const { data, errors, extensions } = await asked(query, { where }, { trace: true });
    expect(errors).toBeUndefined();
    const found = new Set(data.search.nodes.map((node: any) => node.document.id));
    const expected = [...documents.keys()].filter((id) => documentHolds(id, where.document));
    expect(expected.length).toBeGreaterThan(2);
    expect(found).toEqual(new Set(expected));
    const steps = (extensions.trace.conditions as ConditionTrace[]).map(({ condition }) => condition);
    expect(steps).toContain('DocumentFilter.file');
  });
});

test('what is not there is nobody’s: files that were deleted, keys of none', async () => {
  const found = await dataOf(`{
    gone: artifacts(where: { fileKey: { eq: "loose/gone" }, file: {} }) { totalCount }
    none: documents(where: { file: { key: { in: [] } } }) { totalCount }
    all: documents(where: { not: { file: { key: { in: [] } } } }) { totalCount }
    odd: objects(where: { key: { in: ["a//b", "", "/x", "\\u0007"] }, documents: { none: {} } }) { totalCount nodes { key } }
  }`);
  expect(found).toEqual({
    gone: { totalCount: 0 },
    none: { totalCount: 0 },
    all: { totalCount: DOCUMENTS },
    odd: { totalCount: 0, nodes: [] },
  });
});

test('lists of an object are read for all objects at once', async () => {
  const counted = async (first: number): Promise<number> => {
    const context = createRequestContext(DEVELOPER);
    const { errors } = await engine.execute({
      document: parse(`{ objects(first: ${first}) { nodes {
        documents(first: 5) { totalCount nodes { title } } artifacts(first: 5) { totalCount nodes { path } }
      } } }`),
      context,
    });
    expect(errors).toBeUndefined();
    return context.statements.total;
  };
  expect(await counted(20)).toBe(await counted(2));
});

describe('tenants', () => {
  test("see nothing of one another's by any condition", async () => {
    const keys = [...objects.keys()];
    const found = await dataOf(
      `query($keys: [String!]!) {
        theirs: objects(where: { key: { in: $keys } }) { totalCount }
        named: documents(where: { objectKey: { in: $keys } }) { totalCount }
        some: documents(where: { file: { key: { in: $keys } } }) { totalCount }
        others: documents(where: { not: { file: { key: { in: $keys } } } }) { totalCount }
        objects(where: { documents: { some: {} } }) { totalCount nodes { documents { nodes { source } } } }
        none: objects(where: { documents: { none: {} } }) { totalCount }
        artifacts(where: { file: {} }) { totalCount }
      }`,
      { keys },
      { as: STRANGER },
    );
    for (const name of ['theirs', 'named', 'some', 'none', 'artifacts']) expect(found[name].totalCount, name).toBe(0);
    expect(found.others.totalCount).toBe(3);
    expect(found.objects.totalCount).toBe(3);
    for (const { documents: list } of found.objects.nodes) expect(list.nodes[0].source).toMatch(/^made\/[0-2]\.md$/);
  });
});
