/**
 * Filters by what another store has, against whoever loads everything and looks: the same objects, in the same order, in pages of any
 * size, whichever way the conditions are worked out.
 */
import { randomBytes } from 'node:crypto';
import { parse, type ExecutionResult } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { withConditions } from '#gateway/conditions/conditions-engine.ts';
import type { ConditionTrace } from '#gateway/conditions/steps.ts';
import { widenedFilters } from '#gateway/conditions/widen.ts';
import { createEngine, type Engine } from '#gateway/execute/engine.ts';
import { createRequestContext, type Principal } from '#subgraphs/shared/context.ts';
import { applyPatches } from '#tests/engine/patches.ts';
import { post } from '#tests/e2e/contract/clients.ts';
import { givenGraphAndVectors } from '#tests/setup/given-stores.ts';
import { fc } from '#tests/setup/property.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { asking, engineOf, inPages } from './asking.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */

const DOCUMENTS = 40;
const PACKAGES = 12;
/** Stores that others use too have tenants of others. */
const run = randomBytes(4).toString('hex');
const CALLER: Principal = { ...DEVELOPER, tenantId: `conditions-${run}` };
const STRANGER: Principal = { ...DEVELOPER, tenantId: `stranger-${run}`, subject: 'stranger' };

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
  /** What it points to. */
  readonly out: readonly string[];
}
let documents: Map<string, OracleDocument>;
let entities: Map<string, OracleEntity>;

const { asked, dataOf, writeDocument } = asking(() => ({ on: engine, as: CALLER }));

async function write(index: number, as: Principal = CALLER): Promise<void> {
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
  await writeDocument(input, as);
}

/** Everything, as the API tells it without a filter. */
async function load(): Promise<void> {
  const found = await dataOf(`{
    documents(first: 200) { nodes { id title collection entities(first: 200) { nodes { id } } } }
    entities(first: 200) { nodes { id name kind documents(first: 200) { nodes { id } } neighbors(first: 200) { nodes { id } } } }
  }`);
  const keys = (list: { nodes: { id: string }[] }): string[] => list.nodes.map(({ id }) => id);
  documents = new Map(found.documents.nodes.map((each: any) => [each.id, { ...each, entities: keys(each.entities) }]));
  entities = new Map(
    found.entities.nodes.map((each: any) => [
      each.id,
      { ...each, documents: keys(each.documents), out: keys(each.neighbors) },
    ]),
  );
}

beforeAll(async () => {
  server = await startTestServer(givenGraphAndVectors());
  engine = await engineOf(server);
  small = await engineOf(server, (sdl) => inPages(sdl, 5), {
    nested: 2,
  });
  narrow = await engineOf(server, (sdl) => inPages(sdl, 3), {
    pushed: 5,
  });
  for (let index = 0; index < DOCUMENTS; index++) await write(index);
  for (let index = 0; index < 4; index++) await write(index, STRANGER);
  await delivered(server);
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
  (filter.none == null || !linked.some((id) => holds(id, filter.none))) &&
  (filter.count?.gte == null || linked.length >= filter.count.gte) &&
  (filter.count?.not == null || linked.length > filter.count.not.lte) &&
  filter.count?.isNull !== true &&
  (filter.count?.in == null || filter.count.in.includes(linked.length)) &&
  (filter.count?.lt == null || linked.length < filter.count.lt);

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

/** What is so many relations away at most, but for the entity itself. */
function within(id: string, direction: string, depth: number): string[] {
  const next = (from: string): string[] => [
    ...(direction === 'IN' ? [] : entities.get(from)!.out),
    ...(direction === 'OUT'
      ? []
      : [...entities.values()].flatMap((each) => (each.out.includes(from) ? [each.id] : []))),
  ];
  const reached = new Set([id]);
  for (let level = [id], left = depth; left > 0; left--) {
    level = [...new Set(level.flatMap(next))].filter((each) => !reached.has(each));
    for (const each of level) reached.add(each);
  }
  reached.delete(id);
  return [...reached];
}

function entityHolds(id: string, filter: Filter): boolean {
  const it = entities.get(id)!;
  return (
    common(filter, (of) => entityHolds(id, of)) &&
    (filter.name === undefined || filter.name.in.includes(it.name)) &&
    (filter.kind === undefined || filter.kind.eq === it.kind) &&
    (filter.documents == null || quantified(filter.documents, it.documents, documentHolds)) &&
    (filter.neighbors == null ||
      quantified(
        filter.neighbors,
        within(id, filter.neighbors.direction ?? 'OUT', filter.neighbors.depth ?? 1),
        entityHolds,
      ))
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
    fc.record({ neighbors: neighbouring(tie('entityFilter')) }),
    combined(tie('entityFilter')),
  ),
}));

function listed(of: fc.Arbitrary<Filter>): fc.Arbitrary<Filter> {
  const count = fc.oneof(
    fc.integer({ min: 0, max: 4 }).map((gte) => ({ gte })),
    fc.integer({ min: 0, max: 4 }).map((lt) => ({ lt, gte: null })),
    fc.subarray([0, 1, 2, 4]).map((among) => ({ in: among })),
    fc.integer({ min: 0, max: 3 }).map((lte) => ({ not: { lte }, isNull: lte === 3 })),
  );
  return fc.record({ count, some: of, every: of, none: of }, { requiredKeys: [] }).map((filter) => {
    const [first] = Object.entries(filter);
    return first === undefined ? filter : Object.fromEntries(Object.entries(filter).slice(0, 2));
  });
}

function neighbouring(of: fc.Arbitrary<Filter>): fc.Arbitrary<Filter> {
  const way = fc.record(
    { direction: fc.constantFrom('OUT', 'IN', 'BOTH'), depth: fc.integer({ min: 1, max: 3 }) },
    { requiredKeys: [] },
  );
  return fc.tuple(listed(of), way).map(([filter, given]) => ({ ...filter, ...given, types: ['DEPENDS_ON'] }));
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

  test('entities that are counted by group', async () => {
    const where = { documents: { some: { collection: { eq: 'default' } } } };
    const found = await dataOf(
      `query ($where: EntityFilter) {
        entities(where: $where, first: 200) { nodes { kind } }
        entitiesAggregate(where: $where, groupBy: [{ field: KIND }]) { groups { keys { kind } count } } }`,
      { where },
    );
    const kinds = found.entities.nodes.map(({ kind }: any) => kind);
    expect(found.entitiesAggregate.groups).toEqual(
      ['package', 'topic'].map((kind) => ({
        keys: { kind },
        count: kinds.filter((each: any) => each === kind).length,
      })),
    );
  });

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

describe('where more match than may be pushed, lists are walked in their own order', () => {
  const ROWS = DOCUMENT_PAGE.replace('totalCount ', '');

  test('and give the same documents, in pages of any size', async () => {
    const all = (await pagesOf({}, 200, engine)).ids;
    const ways = new Set<string>();
    await fc.assert(
      fc.asyncProperty(documentFilter, fc.integer({ min: 1, max: 3 }), async (where, first) => {
        const ids: string[] = [];
        for (let after: string | null = null; ;) {
          const { data, errors, extensions } = await asked(ROWS, { where, first, after }, { on: narrow, trace: true });
          expect(errors).toBeUndefined();
          expect(data.documents.nodes.length).toBeLessThanOrEqual(first);
          ids.push(...data.documents.nodes.map(({ id }: { id: string }) => id));
          for (const { way } of (extensions.trace.conditions ?? []) as ConditionTrace[]) ways.add(way);
          if (!data.documents.pageInfo.hasNextPage) break;
          after = data.documents.pageInfo.endCursor;
        }
        expect(ids).toEqual(all.filter((id) => documentHolds(id, where)));
      }),
      { numRuns: 40 },
    );
    expect([...ways].sort()).toEqual(['candidates', 'push', 'walk']);
  }, 240_000);

  test('and the same entities', async () => {
    const query = `query($where: EntityFilter, $after: String) {
      entities(where: $where, first: 3, after: $after) { edges { cursor node { id } } pageInfo { hasNextPage } }
    }`;
    await fc.assert(
      fc.asyncProperty(entityFilter, async (where) => {
        const ids: string[] = [];
        for (let after: string | null = null; ;) {
          const { entities: page } = await dataOf(query, { where, after }, { on: narrow });
          for (const { cursor, node } of page.edges) {
            ids.push(node.id);
            after = cursor;
          }
          if (!page.pageInfo.hasNextPage) break;
        }
        expect(ids).toEqual([...entities.keys()].filter((id) => entityHolds(id, where)));
      }),
      { numRuns: 25 },
    );
  }, 240_000);

  test('and the same passages, with the same scores', async () => {
    const query = `query($where: SearchFilter, $first: Int, $after: String) {
      search(query: "a pigeon that retries", mode: VECTOR, where: $where, first: $first, after: $after) {
        edges { cursor score node { id } } pageInfo { hasNextPage }
      }
    }`;
    const ways = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        documentFilter,
        entityFilter,
        fc.integer({ min: 1, max: 9 }),
        async (document, entity, first) => {
          const where = { document, and: [{ collection: { ne: 'nowhere' } }, { entity }] };
          for (let after: string | null = null, page = 0; page < 3; page++) {
            const expected = await dataOf(query, { where, first, after });
            const { data, errors, extensions } = await asked(
              query,
              { where, first, after },
              { on: narrow, trace: true },
            );
            expect(errors).toBeUndefined();
            expect(data).toEqual(expected);
            for (const { way } of (extensions.trace.conditions ?? []) as ConditionTrace[]) ways.add(way);
            if (!data.search.pageInfo.hasNextPage) break;
            after = data.search.edges.at(-1).cursor;
          }
        },
      ),
      { numRuns: 25 },
    );
    expect(ways).toContain('walk');
  }, 240_000);

  test('and what asks for more than rows, or ranks by what takes part, is not walked', async () => {
    const where = { entities: { some: { kind: { eq: 'package' } } } };
    for (const query of [
      'query($where: DocumentFilter) { documents(where: $where, first: 2) { ...Counted } } fragment Counted on DocumentConnection { nodes { id } totalCount }',
      'query($where: DocumentFilter) { documents(where: $where, last: 2) { nodes { id } } }',
      'query($where: DocumentFilter) { search(query: "pigeon", where: { document: $where }) { nodes { id } } }',
      'query($where: DocumentFilter) { search(query: "pigeon", mode: VECTOR, groupBy: DOCUMENT, where: { document: $where }) { nodes { id } } }',
      'query($where: DocumentFilter) { search(query: "pigeon", mode: VECTOR, where: { not: { document: $where } }) { nodes { id } } }',
    ]) {
      const { errors } = await asked(query, { where }, { on: narrow });
      expect(errors, query).toMatchObject([{ extensions: { code: 'QUERY_TOO_COSTLY' } }]);
    }
  });

  test('and where the client takes what was found, that is given, and said', async () => {
    const where = { entities: { some: { kind: { eq: 'package' } } } };
    const query = `query($where: DocumentFilter, $approximate: Boolean) {
      some: documents(where: $where, first: 50, approximate: $approximate) { nodes { id } totalCount }
    }`;
    const { data, errors, extensions } = await asked(query, { where, approximate: true }, { on: narrow });
    expect(errors).toBeUndefined();
    expect(data.some.nodes.length).toBeGreaterThan(0);
    for (const { id } of data.some.nodes) expect(documentHolds(id, where)).toBe(true);
    expect(extensions.approximate).toMatchObject([
      {
        path: ['some'],
        condition: 'DocumentFilter.entities.some',
        message: expect.stringMatching(/More than 5 keys/) as string,
      },
    ]);
    const exact = await asked(query, { where, approximate: true });
    expect(exact.extensions?.approximate).toBeUndefined();
    expect(exact.data.some.nodes).toHaveLength(exact.data.some.totalCount);
    const refused = await asked(query, { where, approximate: false }, { on: narrow });
    expect(refused.errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COSTLY' } }]);
    // Part of what must not match would let through what does.
    const not = { entities: { none: { kind: { eq: 'package' } } } };
    const wrong = await asked(query, { where: not, approximate: true }, { on: narrow });
    expect(wrong.errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COSTLY' } }]);
    // Without a condition on another store it says nothing.
    expect((await asked('{ documents(first: 1, approximate: true) { nodes { id } } }')).errors).toBeUndefined();
  });
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
  const late = await writeDocument({ ...input, entities: [] });
  await delivered(server);
  const { search: again } = await dataOf(query, { after: first.pageInfo.endCursor });
  expect(again.nodes.filter((node: any) => node.document.id !== late).slice(0, 8)).toEqual(second.slice(0, 8));
  await dataOf('mutation($id: ID!) { deleteDocument(input: { id: $id }) { deletedIds } }', {
    id: late,
  });
  await delivered(server);
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

  test('where much matches, the beginning of the list shows it, and nobody counts', async () => {
    const query = '{ documents(where: { entities: { some: {} } }, first: 3) { nodes { id } } }';
    const steps = (await asked(query, {}, { on: small, trace: true })).extensions!.trace.conditions;
    expect(steps).toMatchObject([{ way: 'push', changed: 'the beginning of the list is looked at' }, { way: 'walk' }]);
    for (const step of steps) expect(step).not.toHaveProperty('estimated');
  });

  test('where the beginning promises too little, what was read of the keys is gone on with', async () => {
    const query = 'query($where: DocumentFilter) { documents(where: $where, first: 5) { nodes { id } } }';
    const where = { entities: { some: { name: { lt: 'package-06' } } } };
    const { data, extensions } = await asked(query, { where }, { on: small, trace: true });
    const steps = extensions.trace.conditions as ConditionTrace[];
    expect(steps).toMatchObject([
      { way: 'push', changed: 'the beginning of the list is looked at' },
      { way: 'walk', changed: 'fewer match than would be worth it' },
      { way: 'push' },
    ]);
    const matching = [...entities.values()].filter(({ name }) => name < 'package-06').length;
    expect(steps[0]!.read + steps[2]!.read).toBe(matching);
    const expected = await dataOf(query, { where });
    expect(data).toEqual(expected);
    expect(expected.documents.nodes).toHaveLength(5);
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
    const answer = await engine.executeIncrementally!({ document, context: createRequestContext(CALLER) });
    const whole = await applyPatches(answer as never);
    expect(idsOf((whole as any).data.documents)).toEqual(expected());
    expect((whole as any).data.documents.nodes[0].title).toMatch(/^Document/);
  });

  test('tell in parts what they tell as a whole', async () => {
    const where = '{ entities: { some: { kind: { eq: "package" } } } }';
    const document = parse(
      `{ whole: documents(where: { entities: { some: { name: { eq: "package-03" } } } }, approximate: true) { totalCount }
         few: documents(where: ${where}, approximate: true) { totalCount nodes { id ... @defer { title } } } }`,
    );
    const answer = await narrow.executeIncrementally!({ document, context: createRequestContext(CALLER), trace: true });
    const parts: any[] = [];
    for await (const part of answer as AsyncIterable<ExecutionResult>) parts.push(part);
    expect(parts.length).toBeGreaterThan(1);
    // Of the other all is there.
    expect(parts[0].extensions.approximate).toMatchObject([
      { path: ['few'], condition: 'DocumentFilter.entities.some' },
    ]);
    const traces = parts.flatMap(({ extensions }) => extensions?.trace ?? []);
    expect(traces).toHaveLength(1);
    expect(traces[0].plan).toBeDefined();
    expect(traces[0].conditions).toMatchObject([{ keys: 4 }, { approximate: expect.any(String) }]);
  });

  test('share one plan whatever their values', async () => {
    const query = 'query($where: DocumentFilter) { documents(where: $where) { nodes { id } } }';
    const document = parse(query);
    const ask = async (name: string): Promise<ExecutionResult> =>
      await engine.execute({
        document,
        variables: { where: { entities: { some: { name: { eq: name } } } } },
        context: createRequestContext(CALLER),
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
      context: createRequestContext(CALLER),
    });
    expect(refused).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
  });

  test('over HTTP, as everything else', async () => {
    for (const index of [3, 4]) await write(index, DEVELOPER);
    await delivered(server);
    const { data, errors } = await post(server.url, `{ documents(where: ${WHERE}) { nodes { source } } }`, {});
    expect(errors).toBeUndefined();
    expect(data).toEqual({ documents: { nodes: [{ source: 'made/3.md' }] } });
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
