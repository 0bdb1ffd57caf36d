/**
 * Filters by what another store has, against whoever loads everything and looks: the same objects, in the same order, in pages of any
 * size, whichever way the conditions are worked out.
 */
import { parse, validate, type ExecutionResult } from 'graphql';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import type { ConditionBounds } from '#gateway/conditions/asking.ts';
import { withConditions } from '#gateway/conditions/conditions-engine.ts';
import type { ConditionTrace } from '#gateway/conditions/evaluation.ts';
import { widenedFilters } from '#gateway/conditions/widen.ts';
import { createEngine, type Engine } from '#gateway/execute/engine.ts';
import { createRequestContext, type Principal } from '#subgraphs/shared/context.ts';
import { applyPatches } from '#tests/engine/patches.ts';
import { post } from '#tests/e2e/contract/clients.ts';
import { fc } from '#tests/setup/property.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */

const DOCUMENTS = 40;
const PACKAGES = 12;
const STRANGER: Principal = { ...DEVELOPER, tenantId: 'stranger', subject: 'stranger' };

let server: TestServer;
/** As it is served. */
let engine: Engine;
/** With pages of a few, so that both ways are gone. */
let small: Engine;
/** Where next to nothing may be pushed. */
let narrow: Engine;

interface OracleDocument {
  readonly id: string;
  readonly title: string;
  readonly collection: string;
  readonly entities: readonly string[];
}
interface OracleEntity {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly documents: readonly string[];
}
let documents: Map<string, OracleDocument>;
let entities: Map<string, OracleEntity>;

async function asked(
  query: string,
  variables: Record<string, unknown> = {},
  { on = engine, as = DEVELOPER, trace }: { on?: Engine; as?: Principal; trace?: boolean } = {},
): Promise<ExecutionResult<any, any>> {
  const document = parse(query);
  expect(validate(on.schema, document)).toEqual([]);
  return (await on.execute({ document, variables, context: createRequestContext(as), trace })) as ExecutionResult<
    any,
    any
  >;
}

async function dataOf(...given: Parameters<typeof asked>): Promise<any> {
  const { data, errors } = await asked(...given);
  expect(errors).toBeUndefined();
  return data;
}

async function engineWith(change: (sdl: string) => string, bounds: Partial<ConditionBounds> = {}): Promise<Engine> {
  const supergraphSdl = change(server.server.supergraph.current.sdl);
  return withConditions(
    await createEngine({ supergraphSdl, clients: server.services.clients, widen: widenedFilters }),
    bounds,
  );
}

async function write(index: number, as: Principal = DEVELOPER): Promise<void> {
  const name = (at: number): string => `package-${String(at % PACKAGES).padStart(2, '0')}`;
  const self = { name: name(index), kind: 'package' };
  const input = {
    // Ties: several have one title.
    title: `Document ${Math.floor(index / 3)}`,
    source: `made/${index}.md`,
    collection: index % 4 === 0 ? 'notes' : 'default',
    mediaType: 'text/markdown',
    text: `Pigeon number ${index} retries with backoff. ${'It coos. '.repeat(index % 5)}`,
    // Some name nothing.
    entities: index % 9 === 8 ? [] : [self, ...(index % 2 ? [{ name: `topic-${index % 5}`, kind: 'topic' }] : [])],
    relations:
      index % 9 === 8 ? [] : [{ from: self, to: { name: name(index + 1), kind: 'package' }, type: 'DEPENDS_ON' }],
  };
  const { errors } = await asked(
    'mutation($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }',
    { input },
    { as },
  );
  expect(errors).toBeUndefined();
}

async function delivered(): Promise<void> {
  await vi.waitFor(
    async () => {
      const context = createRequestContext({ ...DEVELOPER, system: true });
      const { data } = await server.services.clients.get('relational')!.execute({
        document: parse('{ outboxStatus { pending failed } }'),
        operationType: 'query',
        variables: {},
        context,
      });
      expect(data).toEqual({ outboxStatus: { pending: 0, failed: 0 } });
    },
    { timeout: 20_000 },
  );
}

/** Everything, as the API tells it without a filter. */
async function load(): Promise<void> {
  const found = await dataOf(`{
    documents(first: 200) { nodes { id title collection entities(first: 200) { nodes { id } } } }
    entities(first: 200) { nodes { id name kind documents(first: 200) { nodes { id } } } }
  }`);
  const keys = (list: { nodes: { id: string }[] }): string[] => list.nodes.map(({ id }) => id);
  documents = new Map(found.documents.nodes.map((each: any) => [each.id, { ...each, entities: keys(each.entities) }]));
  entities = new Map(found.entities.nodes.map((each: any) => [each.id, { ...each, documents: keys(each.documents) }]));
}

beforeAll(async () => {
  server = await startTestServer();
  engine = await engineWith((sdl) => sdl);
  small = await engineWith((sdl) => sdl.replaceAll('@lists(key: "id")', '@lists(key: "id", page: 5, values: 7)'), {
    nested: 2,
  });
  narrow = await engineWith((sdl) => sdl.replaceAll('@lists(key: "id")', '@lists(key: "id", page: 2, values: 7)'), {
    pushed: 5,
  });
  for (let index = 0; index < DOCUMENTS; index++) await write(index);
  for (let index = 0; index < 4; index++) await write(index, STRANGER);
  await delivered();
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

function common(filter: Filter, holds: (of: Filter) => boolean): boolean {
  return (
    (filter.and === undefined || filter.and.every(holds)) &&
    (filter.or === undefined || filter.or.some(holds)) &&
    (filter.not === undefined || !holds(filter.not))
  );
}

function documentHolds(id: string, filter: Filter): boolean {
  const it = documents.get(id)!;
  return (
    common(filter, (of) => documentHolds(id, of)) &&
    (filter.title === undefined || filter.title.in.includes(it.title)) &&
    (filter.collection === undefined || filter.collection.eq === it.collection) &&
    (filter.id === undefined || filter.id.in.includes(id)) &&
    (filter.entities == null || quantified(filter.entities, it.entities, entityHolds))
  );
}

function entityHolds(id: string, filter: Filter): boolean {
  const it = entities.get(id)!;
  return (
    common(filter, (of) => entityHolds(id, of)) &&
    (filter.name === undefined || filter.name.in.includes(it.name)) &&
    (filter.kind === undefined || filter.kind.eq === it.kind) &&
    (filter.documents == null || quantified(filter.documents, it.documents, documentHolds))
  );
}

const titles = fc.subarray(Array.from({ length: 14 }, (_, index) => `Document ${index}`));
const names = fc.subarray(Array.from({ length: PACKAGES }, (_, index) => `package-${String(index).padStart(2, '0')}`));

const { documentFilter, entityFilter } = fc.letrec<{ documentFilter: Filter; entityFilter: Filter }>((tie) => ({
  documentFilter: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'filters' },
    titles.map((title) => ({ title: { in: title } })),
    fc.constantFrom({ collection: { eq: 'notes' } }, {}, { entities: null }, { entities: {} }),
    fc.record({ entities: listed(tie('entityFilter')) }),
    fc.record({ title: titles.map((title) => ({ in: title })), entities: listed(tie('entityFilter')) }),
    combined(tie('documentFilter')),
  ),
  entityFilter: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'filters' },
    names.map((name) => ({ name: { in: name } })),
    fc.constantFrom({ kind: { eq: 'topic' } }, {}),
    fc.record({ documents: listed(tie('documentFilter')) }),
    combined(tie('entityFilter')),
  ),
}));

function listed(of: fc.Arbitrary<Filter>): fc.Arbitrary<Filter> {
  return fc.record({ some: of, every: of, none: of }, { requiredKeys: [] }).map((filter) => {
    const [first] = Object.entries(filter);
    return first === undefined ? filter : Object.fromEntries(Object.entries(filter).slice(0, 2));
  });
}

function combined(of: fc.Arbitrary<Filter>): fc.Arbitrary<Filter> {
  return fc.oneof(
    fc.record({ and: fc.array(of, { maxLength: 2 }) }),
    fc.record({ or: fc.array(of, { maxLength: 2 }) }),
    fc.record({ not: of }),
  );
}

const DOCUMENT_PAGE = `query($where: DocumentFilter, $first: Int, $after: String) {
  documents(where: $where, first: $first, after: $after, orderBy: [{ field: TITLE, direction: DESC }]) {
    totalCount nodes { id title } pageInfo { hasNextPage endCursor }
  }
}`;

/** All pages of a list. */
async function pagesOf(where: Filter, first: number, on: Engine): Promise<{ ids: string[]; total: number }> {
  const ids: string[] = [];
  for (let after: string | null = null; ;) {
    const { documents: page } = await dataOf(DOCUMENT_PAGE, { where, first, after }, { on });
    ids.push(...page.nodes.map(({ id }: { id: string }) => id));
    if (!page.pageInfo.hasNextPage) return { ids, total: page.totalCount };
    after = page.pageInfo.endCursor;
  }
}

describe('like whoever loads everything and looks', () => {
  const engines = [
    ['as it is served', () => engine, 40],
    ['in pages of a few', () => small, 60],
  ] as const;

  for (const [how, on, numRuns] of engines)
    test(`documents by what entities they name, ${how}`, async () => {
      // The order of all, as one store gives it: ties by id.
      const all = (await pagesOf({}, 200, engine)).ids;
      await fc.assert(
        fc.asyncProperty(documentFilter, fc.integer({ min: 3, max: 50 }), async (where, first) => {
          const { ids, total } = await pagesOf(where, first, on());
          const expected = all.filter((id) => documentHolds(id, where));
          expect(ids).toEqual(expected);
          expect(total).toBe(expected.length);
        }),
        { numRuns },
      );
    }, 120_000);

  test('entities by what documents name them', async () => {
    const query = 'query($where: EntityFilter) { entities(where: $where, first: 200) { nodes { id } totalCount } }';
    const all = [...entities.keys()];
    for (const on of [engine, small])
      await fc.assert(
        fc.asyncProperty(entityFilter, async (where) => {
          const { entities: page } = await dataOf(query, { where }, { on });
          expect(page.nodes.map(({ id }: { id: string }) => id)).toEqual(all.filter((id) => entityHolds(id, where)));
        }),
        { numRuns: 30 },
      );
  }, 120_000);

  test('passages by their documents and what these name, the best first', async () => {
    const query = `query($where: SearchFilter, $first: Int) {
      search(query: "a pigeon that retries", mode: VECTOR, where: $where, first: $first) { edges { score node { id document { id } } } }
    }`;
    const { search: all } = await dataOf(query, { first: 200 });
    const hits = all.edges.map(({ node }: any) => [node.id, node.document.id] as const);
    expect(hits.length).toBeGreaterThanOrEqual(DOCUMENTS);
    await fc.assert(
      fc.asyncProperty(documentFilter, names, fc.integer({ min: 1, max: 20 }), async (document, name, first) => {
        const where = { document, entity: { name: { in: name } } };
        const { search } = await dataOf(query, { where, first }, { on: small });
        const expected = hits.filter(
          ([, id]: [string, string]) =>
            documentHolds(id, document) &&
            documents.get(id)!.entities.some((of) => name.includes(entities.get(of)!.name)),
        );
        expect(search.edges.map(({ node }: any) => node.id)).toEqual(
          expected.slice(0, first).map(([id]: [string, string]) => id),
        );
      }),
      { numRuns: 30 },
    );
  }, 120_000);
});

test('pages of passages go on while what matches changes, without a passage twice', async () => {
  const query = `query($after: String) {
    search(query: "backoff", mode: VECTOR, where: { document: { entities: { none: { name: { eq: "late" } } } } }, first: 10, after: $after) {
      nodes { id document { id } } pageInfo { endCursor }
    }
  }`;
  const { search: first } = await dataOf(query);
  const second = (await dataOf(query, { after: first.pageInfo.endCursor })).search.nodes;
  const input = { title: 'Late', source: 'made/late.md', mediaType: 'text/markdown', text: 'Nothing of the kind.' };
  const MUTATION = 'mutation($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }';
  const { upsertDocument } = await dataOf(MUTATION, { input: { ...input, entities: [] } });
  await delivered();
  const { search: again } = await dataOf(query, { after: first.pageInfo.endCursor });
  expect(again.nodes.filter((node: any) => node.document.id !== upsertDocument.document.id).slice(0, 8)).toEqual(
    second.slice(0, 8),
  );
  await dataOf('mutation($id: ID!) { deleteDocument(input: { id: $id }) { deletedIds } }', {
    id: upsertDocument.document.id,
  });
  await delivered();
});

describe('ways', () => {
  const FEW = 'query($where: DocumentFilter) { documents(where: $where, first: 5) { nodes { title } totalCount } }';
  const stepsOf = async (where: Filter, on: Engine): Promise<ConditionTrace[]> =>
    (await asked(FEW, { where }, { on, trace: true })).extensions!.trace.conditions;

  test('few that match are pushed', async () => {
    expect(await stepsOf({ entities: { some: { name: { eq: 'package-03' } } } }, small)).toMatchObject([
      { condition: 'DocumentFilter.entities.some', way: 'push', read: 1, keys: 4 },
    ]);
  });

  test('where fewer candidates are left than match, they are looked at', async () => {
    const where = { source: { in: ['made/0.md', 'made/1.md'] }, entities: { some: {} } };
    expect(await stepsOf(where, small)).toMatchObject([
      { way: 'candidates', estimated: { matching: expect.any(Number), candidates: 2 }, keys: 2 },
    ]);
  });

  test('more keys than may be pushed change the way, and past both the field says what to narrow', async () => {
    const broad = { entities: { some: { kind: { eq: 'package' } } } };
    const { data, errors } = await asked(FEW, { where: broad }, { on: narrow });
    expect(data).toEqual({ documents: null });
    expect(errors).toMatchObject([
      {
        path: ['documents'],
        extensions: {
          code: 'QUERY_TOO_COSTLY',
          condition: 'DocumentFilter.entities.some',
          hint: expect.stringContaining('CONDITION_KEYS') as string,
        },
      },
    ]);
    const within = { ...broad, title: { in: ['Document 1'] } };
    const steps = await stepsOf(within, narrow);
    expect(steps).toMatchObject([{ way: 'candidates', keys: 3 }]);
  });
});

describe('operations', () => {
  const WHERE = '{ entities: { some: { name: { eq: "package-03" } } } }';
  const expected = (): string[] =>
    [...documents.values()]
      .filter(({ entities: of }) => of.some((id) => entities.get(id)!.name === 'package-03'))
      .map(({ id }) => id)
      .sort();
  const idsOf = (list: { nodes: { id: string }[] }): string[] => list.nodes.map(({ id }) => id).sort();

  test('take literals, variables, defaults, and variables within literals', async () => {
    const found = await dataOf(
      `query($where: DocumentFilter, $byDefault: DocumentFilter = ${WHERE}, $part: EntityFilter, $name: String) {
        literal: documents(where: ${WHERE}) { nodes { id } }
        variable: documents(where: $where) { nodes { id } }
        byDefault: documents(where: $byDefault) { nodes { id } }
        part: documents(where: { entities: { some: $part } }) { nodes { id } }
        name: documents(where: { and: { entities: { some: { name: { eq: $name } } } } }) { nodes { id } }
      }`,
      {
        where: { entities: { some: { name: { eq: 'package-03' } } } },
        part: { name: { eq: 'package-03' } },
        name: 'package-03',
      },
    );
    for (const [name, list] of Object.entries(found)) expect(idsOf(list as never), name).toEqual(expected());
  });

  test('take fragments, aliases, what is left out, and lists within lists', async () => {
    const found = await dataOf(
      `query($no: Boolean = false) {
        ...Lists
        first: documents(where: ${WHERE}, first: 50) { nodes { id } }
        out: documents(where: ${WHERE}) @include(if: $no) { nodes { id } }
        entities(where: { name: { in: ["package-03", "package-04"] } }) {
          nodes { name documents(where: { entities: { some: { kind: { eq: "topic" } } } }) { nodes { id } } }
        }
      }
      fragment Lists on Query {
        first: documents(first: 50, where: { entities: { some: { name: { eq: "package-03" } } } }) { nodes { id } }
        ...More
      }
      fragment More on Query { more: documents(where: ${WHERE}) { totalCount } }`,
    );
    expect(idsOf(found.first)).toEqual(expected());
    expect(found.more.totalCount).toBe(expected().length);
    expect(found).not.toHaveProperty('out');
    const kinds = (id: string): string[] => documents.get(id)!.entities.map((of) => entities.get(of)!.kind);
    for (const { name, documents: list } of found.entities.nodes) {
      const named = [...entities.values()].find((each) => each.name === name)!.documents;
      expect(idsOf(list), name).toEqual(named.filter((id) => kinds(id).includes('topic')).sort());
    }
  });

  test('come in parts where the client would have them so', async () => {
    const document = parse(`{ documents(where: ${WHERE}) { nodes { id ... @defer { title } } } }`);
    const answer = await engine.executeIncrementally!({ document, context: createRequestContext(DEVELOPER) });
    const whole = await applyPatches(answer as never);
    expect(idsOf((whole as any).data.documents)).toEqual(expected());
    expect((whole as any).data.documents.nodes[0].title).toMatch(/^Document/);
  });

  test('share one plan whatever their values', async () => {
    const query = 'query($where: DocumentFilter) { documents(where: $where) { nodes { id } } }';
    const document = parse(query);
    const ask = async (name: string): Promise<ExecutionResult> =>
      await engine.execute({
        document,
        variables: { where: { entities: { some: { name: { eq: name } } } } },
        context: createRequestContext(DEVELOPER),
        trace: true,
      });
    const [one, other] = [await ask('package-03'), await ask('package-04')];
    expect(operationOf(one)).toBe(operationOf(other));
    function operationOf({ extensions }: ExecutionResult): string {
      return (extensions as any).trace.plan.operation;
    }
  });

  test('are told of variables that do not fit, by the names that they gave', async () => {
    const { errors } = await asked('query($where: DocumentFilter) { documents(where: $where) { nodes { id } } }', {
      where: { entities: { some: { nome: { eq: 'x' } } } },
    });
    expect(errors).toMatchObject([
      { message: expect.stringContaining('"$where"') as string, extensions: { code: 'BAD_USER_INPUT' } },
    ]);
  });

  test('that change something, or stream, cannot', async () => {
    const runs = '(where: { agent: { name: { eq: "nobody" } } }) { nodes { id } }';
    const { errors } = await asked(`mutation { createAgent(input: { name: "late" }) { agent { id runs${runs} } } }`);
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    expect((await dataOf('{ agents(where: { name: { eq: "late" } }) { totalCount } }')).agents.totalCount).toBe(0);
    const refused = await engine.subscribe({
      document: parse(`subscription { runEvents(runId: "run_none") { run { agent { runs${runs} } } } }`),
      context: createRequestContext(DEVELOPER),
    });
    expect(refused).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
  });

  test('over HTTP, as everything else', async () => {
    const { data, errors } = await post(server.url, `{ documents(where: ${WHERE}) { nodes { id } } }`, {});
    expect(errors).toBeUndefined();
    expect(idsOf(data!['documents'])).toEqual(expected());
  });
});

describe('tenants', () => {
  test("see nothing of one another's by any condition", async () => {
    const [entity] = entities.keys();
    const found = await dataOf(
      `query($id: ID!) {
        theirs: documents(where: { entities: { some: { id: { eq: $id } } } }) { totalCount }
        others: documents(where: { entities: { none: { id: { eq: $id } } } }) { totalCount }
        all: documents { totalCount }
        search(query: "pigeon", mode: VECTOR, where: { document: {} }) { nodes { document { source } } }
      }`,
      { id: entity },
      { as: STRANGER },
    );
    expect(found.theirs.totalCount).toBe(0);
    expect(found.others).toEqual(found.all);
    expect(found.all.totalCount).toBe(4);
    expect(found.search.nodes.length).toBeGreaterThan(0);
    for (const { document } of found.search.nodes) expect(document.source).toMatch(/^made\/[0-3]\.md$/);
  });
});

describe('a store that is down', () => {
  test('costs the fields whose conditions it has, with its code, and no others', async () => {
    const clients = new Map(server.services.clients);
    clients.delete('graph');
    const without = withConditions(
      await createEngine({ supergraphSdl: server.server.supergraph.current.sdl, clients, widen: widenedFilters }),
    );
    try {
      const { data, errors } = await asked(
        `{ a: documents(where: { entities: { some: {} } }) { nodes { id } } b: documents(first: 1) { nodes { title } }
           c: documents(first: 2, where: { not: { title: { eq: "none" } } }) { nodes { d: chunks { nodes { id document { title } } } } } }`,
        {},
        { on: without },
      );
      expect(data.a).toBeNull();
      expect(data.b.nodes).toHaveLength(1);
      expect(data.c.nodes).toHaveLength(2);
      expect(errors).toMatchObject([{ path: ['a'], extensions: { code: 'SUBGRAPH_UNAVAILABLE' } }]);
    } finally {
      await without.close();
    }
  });
});
