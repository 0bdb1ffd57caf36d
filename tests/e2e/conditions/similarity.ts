/**
 * Documents in the order of how near they are to a query, beside conditions of their own store and of others, against whoever asks for
 * each document's best passage by itself, and sorts.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import type { ConditionTrace } from '#gateway/conditions/steps.ts';
import type { Engine } from '#gateway/execute/engine.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { fc } from '#tests/setup/property.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { asking, engineOf, inPages } from './asking.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */

const DOCUMENTS = 36;
const QUERY = 'a pigeon that retries';
/** Stores that others use too have tenants of others. */
const run = randomBytes(4).toString('hex');
const CALLER: Principal = { ...DEVELOPER, tenantId: `similar-${run}` };
const STRANGER: Principal = { ...DEVELOPER, tenantId: `similar-stranger-${run}`, subject: 'stranger' };
/** @param variables of the stores that the server is given */
export function testSimilarity(variables: () => Record<string, string> | Promise<Record<string, string>>): void {
  let server: TestServer;
  /** As it is served. */
  let engine: Engine;
  /** With pages of a few, of a ranking that ends after a few. */
  let small: Engine;
  /** Where next to nothing may be pushed. */
  let narrow: Engine;

  const { asked, dataOf, writeDocument, refusesDocuments } = asking(() => ({ on: engine, as: CALLER }));

  interface OracleDocument {
    readonly id: string;
    readonly title: string;
    readonly collection: string;
    readonly entities: readonly string[];
    /** Its best passage's; undefined where it has none. */
    readonly score: number | undefined;
  }
  let documents: readonly OracleDocument[];

  const WORDS = ['retries', 'backoff', 'coos', 'flies', 'timeouts', 'a pigeon', 'queues', 'letters'];

  async function write(index: number, as: Principal = CALLER): Promise<void> {
    // Ties: several have one text. One has more passages than are looked at first, all of them near.
    const kind = Math.floor(index / 2);
    const text =
      index === 5
        ? Array.from({ length: 260 }, (_, at) => `## Part ${at}\n\nA pigeon that retries.\n`).join('\n')
        : `${WORDS.filter((_, at) => (kind >> (at % 4)) & 1 || at === kind % 8).join(' ')}. `;
    const input = {
      title: `Document ${kind}`,
      source: `made/${index}.md`,
      collection: index % 4 < 2 ? 'notes' : 'default',
      mediaType: 'text/markdown',
      // One has nothing that could be near.
      text: index === 7 ? '' : text,
      entities: index % 5 === 4 ? [] : [{ name: `package-${index % 6}`, kind: 'package' }],
      relations: [],
    };
    await writeDocument(input, as);
  }

  async function load(): Promise<void> {
    const { documents: all } = await dataOf(
      '{ documents(first: 200) { nodes { id title collection entities(first: 200) { nodes { name } } } } }',
    );
    documents = await Promise.all(
      all.nodes.map(async (each: any): Promise<OracleDocument> => {
        const { search } = await dataOf(
          'query($query: String!, $id: ID!) { search(query: $query, mode: VECTOR, where: { documentId: { eq: $id } }, first: 1) { edges { score } } }',
          { query: QUERY, id: each.id },
        );
        return { ...each, entities: each.entities.nodes.map(({ name }: any) => name), score: search.edges[0]?.score };
      }),
    );
  }

  /** The supergraph with a ranking that ends after a few. */
  function ranked(sdl: string): string {
    expect(sdl).toContain('most: 10000');
    return sdl.replaceAll('most: 10000', 'values: 7, page: 4, most: 12');
  }

  beforeAll(async () => {
    server = await startTestServer(await variables());
    engine = await engineOf(server);
    small = await engineOf(server, (sdl) => inPages(ranked(sdl), 5), { nested: 2 });
    narrow = await engineOf(server, (sdl) => inPages(sdl, 3), { pushed: 5 });
    for (let index = 0; index < DOCUMENTS; index++) await write(index);
    for (let index = 0; index < 4; index++) await write(index, STRANGER);
    await delivered(server);
    await load();
  }, 120_000);
  afterAll(async () => {
    for (const each of [engine, small, narrow]) await each?.close();
    await server?.[Symbol.asyncDispose]();
  });

  type Filter = Record<string, any>;

  function holds(it: OracleDocument, filter: Filter): boolean {
    return (
      (filter.and === undefined || filter.and.every((of: Filter) => holds(it, of))) &&
      (filter.or === undefined || filter.or.some((of: Filter) => holds(it, of))) &&
      (filter.not === undefined || !holds(it, filter.not)) &&
      (filter.title === undefined || filter.title.in.includes(it.title)) &&
      (filter.collection === undefined || filter.collection.eq === it.collection) &&
      (filter.similarTo === undefined || (it.score !== undefined && it.score >= filter.similarTo.minScore)) &&
      (filter.entities?.some === undefined ||
        it.entities.some((name) => filter.entities.some.name.in.includes(name))) &&
      (filter.entities?.none === undefined || !it.entities.some((name) => filter.entities.none.name.in.includes(name)))
    );
  }

  /** The nearest first, ties by id. */
  const nearest = (filter: Filter): string[] =>
    documents
      .filter((it) => it.score !== undefined && holds(it, filter))
      .sort((one, other) => other.score! - one.score! || (one.id < other.id ? -1 : 1))
      .map(({ id }) => id);

  const titles = fc.subarray(Array.from({ length: DOCUMENTS / 2 }, (_, index) => `Document ${index}`));
  const names = fc.subarray(Array.from({ length: 6 }, (_, index) => `package-${index}`));
  const scores = fc.constantFrom(-1, 0, 0.2, 0.4, 0.6, 0.9);

  const { filter } = fc.letrec<{ filter: Filter }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 2, depthIdentifier: 'filters' },
      titles.map((title) => ({ title: { in: title } })),
      fc.constantFrom({}, { collection: { eq: 'notes' } }),
      scores.map((minScore) => ({ similarTo: { query: QUERY, minScore } })),
      names.map((name) => ({ entities: { some: { name: { in: name } } } })),
      names.map((name) => ({ entities: { none: { name: { in: name } } } })),
      fc.record({ and: fc.array(tie('filter'), { maxLength: 2 }) }),
      fc.record({ or: fc.array(tie('filter'), { maxLength: 2 }) }),
      fc.record({ not: tie('filter') }),
    ),
  }));

  /** Without what would be sorted by, too. */
  const unsorted = filter.map(function without({ similarTo: _, and, ...rest }: Filter): Filter {
    return and === undefined ? rest : { ...rest, and: and.map(without) };
  });

  const PAGE = `query($where: DocumentFilter, $first: Int, $after: String) {
  documents(where: $where, orderBy: [{ field: SIMILARITY }], first: $first, after: $after) {
    edges { at: cursor node { title } } ids: nodes { id } pageInfo { hasNextPage endCursor hasPreviousPage }
  }
}`;

  async function pagesOf(where: Filter, first: number, on: Engine): Promise<string[]> {
    const ids: string[] = [];
    for (let after: string | null = null; ;) {
      const { documents: page } = await dataOf(PAGE, { where, first, after }, { on });
      expect(page.ids.length).toBe(page.edges.length);
      expect(page.edges.map(({ node }: any) => node.title)).toEqual(
        page.ids.map(({ id }: any) => documents.find((each) => each.id === id)!.title),
      );
      ids.push(...page.ids.map(({ id }: any) => id));
      expect(page.pageInfo.hasPreviousPage).toBe(after !== null);
      expect(page.pageInfo.endCursor).toBe(page.edges.at(-1)?.at ?? null);
      if (!page.pageInfo.hasNextPage) return ids;
      expect(page.ids).toHaveLength(first);
      after = page.pageInfo.endCursor;
    }
  }

  describe('like whoever asks for each document by itself, and sorts', () => {
    for (const [how, on, most] of [
      ['as it is served', () => engine, 40],
      ['in pages of a few, of a ranking that ends', () => small, 5],
      ['where next to nothing is pushed', () => narrow, 3],
    ] as const)
      test(`documents by how near they are, ${how}`, async () => {
        const ways = new Set<string>();
        await fc.assert(
          fc.asyncProperty(unsorted, scores, fc.boolean(), fc.integer({ min: 1, max: most }), async (...given) => {
            const [rest, minScore, within, first] = given;
            const similarTo = { query: QUERY, ...(minScore === -1 ? {} : { minScore }) };
            const where = within ? { ...rest, and: [...(rest.and ?? []), { similarTo }] } : { ...rest, similarTo };
            const expected = nearest({ and: [rest, { similarTo: { minScore } }] });
            expect(await pagesOf(where, first, on())).toEqual(expected);
            const { data, extensions } = await asked(
              PAGE.replace('pageInfo', 'totalCount pageInfo'),
              { where, first },
              { on: on(), trace: true },
            );
            for (const { condition, way } of extensions!.trace.conditions as ConditionTrace[])
              if (condition.includes('SIMILARITY')) ways.add(way);
            // A ranking that ends does not know how many there are.
            if (on() === engine) expect(data.documents.totalCount).toBe(expected.length);
          }),
          { numRuns: 25 },
        );
        expect([...ways].sort()).toEqual(['push', 'walk']);
      }, 240_000);

    test('and as a condition among others, anywhere', async () => {
      const query =
        'query($where: DocumentFilter) { documents(where: $where, first: 200) { nodes { id } totalCount } }';
      const all: string[] = (await dataOf(query, {})).documents.nodes.map(({ id }: any) => id);
      for (const on of [engine, small])
        await fc.assert(
          fc.asyncProperty(filter, async (where) => {
            const { documents: page } = await dataOf(query, { where }, { on });
            const expected = all.filter((id) =>
              holds(
                documents.find((each) => each.id === id)!,
                where,
              ),
            );
            expect(page.nodes.map(({ id }: any) => id)).toEqual(expected);
            expect(page.totalCount).toBe(expected.length);
          }),
          { numRuns: 30 },
        );
    }, 240_000);
  });

  test('`similarDocuments` has the scores, and the passage that each document is near by', async () => {
    const query = `query($query: String!, $minScore: Float, $after: String) {
    similarDocuments(query: $query, minScore: $minScore, first: 7, after: $after) {
      approximate totalCount edges { score chunk { document { id } } node { id } } pageInfo { hasNextPage endCursor }
    }
  }`;
    const found: any[] = [];
    for (let after: string | null = null; ;) {
      const { similarDocuments: page } = await dataOf(query, { query: QUERY, after });
      found.push(...page.edges);
      expect(page.approximate).toBe(false);
      expect(page.totalCount).toBe(nearest({}).length);
      if (!page.pageInfo.hasNextPage) break;
      after = page.pageInfo.endCursor;
    }
    expect(found.map(({ node }) => node.id)).toEqual(nearest({}));
    const scoreOf = new Map(documents.map(({ id, score }) => [id, score]));
    for (const { score, chunk, node } of found) {
      expect(score).toBeCloseTo(scoreOf.get(node.id)!, 6);
      expect(chunk.document.id).toBe(node.id);
    }
    const least = found[9].score as number;
    const { similarDocuments } = await dataOf(query.replace('first: 7', 'first: 200'), {
      query: QUERY,
      minScore: least,
    });
    expect(similarDocuments.totalCount).toBe(similarDocuments.edges.length);
    expect(similarDocuments.edges).toEqual(found.filter(({ score }) => score >= least));
  });

  describe('what it may not stand with is said', () => {
    const refusals: [string, string, RegExp][] = [
      ['no `similarTo`', 'orderBy: [{ field: SIMILARITY }]', /which is not there/],
      [
        'two of them',
        'orderBy: [{ field: SIMILARITY }], where: { similarTo: { query: "a" }, and: [{ similarTo: { query: "b" } }] }',
        /of which there are 2/,
      ],
      [
        '`similarTo` under `not` alone',
        'orderBy: [{ field: SIMILARITY }], where: { not: { similarTo: { query: "a", minScore: 0.2 } } }',
        /which is not there/,
      ],
      [
        'other fields',
        'orderBy: [{ field: SIMILARITY }, { field: TITLE }], where: { similarTo: { query: "a" } }',
        /beside other fields/,
      ],
      [
        'the farthest first',
        'orderBy: [{ field: SIMILARITY, direction: DESC }], where: { similarTo: { query: "a" } }',
        /greatest score first/,
      ],
      [
        'pages from the end',
        'orderBy: [{ field: SIMILARITY }], where: { similarTo: { query: "a" } }, last: 3',
        /forwards/,
      ],
      [
        'a cursor of another order',
        'orderBy: [{ field: SIMILARITY }], where: { similarTo: { query: "a" } }, after: "WzFd"',
        /cursor/,
      ],
      [
        '`similarTo` that neither sorts nor filters',
        'where: { similarTo: { query: "a" } }',
        /sorts, and filters nothing/,
      ],
      ['an empty query', 'where: { similarTo: { query: " ", minScore: 0 } }', /must not be empty/],
      ['a score that none has', 'where: { similarTo: { query: "a", minScore: 2 } }', /from -1 to 1/],
    ];
    for (const [what, given, message] of refusals) test(what, () => refusesDocuments(given, message));

    test('lists within an object', async () => {
      const query = `{ entities(first: 1) { nodes { documents(orderBy: [{ field: SIMILARITY }], where: { similarTo: { query: "a", minScore: 0 } }) { nodes { id } } } } }`;
      const { errors } = await asked(query);
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', hint: expect.any(String) as string } }]);
    });
  });

  describe('operations', () => {
    const WHERE = `{ similarTo: { query: "${QUERY}" }, collection: { eq: "notes" } }`;

    test('take variables, fragments, aliases, and what is left out', async () => {
      const found = await dataOf(
        `query($order: [DocumentOrder!], $plain: [DocumentOrder!], $no: Boolean = false) {
        ...Lists
        near: documents(where: ${WHERE}, orderBy: [{ field: SIMILARITY }], first: 5) { all: edges { cursor again: cursor } }
        variable: documents(where: ${WHERE}, orderBy: $order, first: 5) { nodes { id } }
        plain: documents(where: { collection: { eq: "notes" } }, orderBy: $plain, first: 5) { nodes { title } }
        out: documents(where: ${WHERE}, orderBy: [{ field: SIMILARITY }]) @include(if: $no) { nodes { id } }
        nothing: documents(where: ${WHERE}, orderBy: [{ field: SIMILARITY }], first: 0) { nodes { id } pageInfo { hasNextPage } }
      }
      fragment Lists on Query {
        near: documents(orderBy: [{ field: SIMILARITY }], first: 5, where: ${WHERE}) { ...Rows }
      }
      fragment Rows on DocumentConnection { nodes { id entities(first: 1) { nodes { name } } } }`,
        { order: [{ field: 'SIMILARITY' }], plain: [{ field: 'TITLE', direction: 'DESC' }] },
      );
      const expected = nearest({ collection: { eq: 'notes' } }).slice(0, 5);
      expect(found.near.nodes.map(({ id }: any) => id)).toEqual(expected);
      expect(Object.keys(found.near).sort()).toEqual(['all', 'nodes']);
      expect(found.near.all.map(({ cursor, again }: any) => cursor === again)).toEqual(Array(5).fill(true));
      expect(found.variable.nodes.map(({ id }: any) => id)).toEqual(expected);
      expect(found.plain.nodes[0].title).toBe('Document 8');
      expect(found).not.toHaveProperty('out');
      expect(found.nothing).toEqual({ nodes: [], pageInfo: { hasNextPage: true } });
    });

    test('that take too much say so, or give the best that was found', async () => {
      const query = `query($approximate: Boolean) {
      documents(where: { similarTo: { query: "${QUERY}" }, title: { in: ["Document 1", "Document 16"] } }, orderBy: [{ field: SIMILARITY }], first: 5, approximate: $approximate) { nodes { id } }
    }`;
      // It ends before as many are found, and fewer may be pushed than match.
      const few = await engineOf(server, (sdl) => inPages(ranked(sdl), 5), { pushed: 3 });
      const { errors } = await asked(query, {}, { on: few });
      expect(errors).toMatchObject([{ path: ['documents'], extensions: { code: 'QUERY_TOO_COSTLY' } }]);
      const { data, extensions } = await asked(query, { approximate: true }, { on: few });
      const all = nearest({ title: { in: ['Document 1', 'Document 16'] } });
      const found: string[] = data.documents.nodes.map(({ id }: any) => id);
      expect(found).toEqual(all.slice(0, found.length));
      expect(extensions!.approximate).toMatchObject([{ path: ['documents'] }]);
      await few.close();
    });
  });

  test('tenants see nothing of one another’s', async () => {
    const { documents: page, similarDocuments } = await dataOf(
      `{ documents(where: { similarTo: { query: "${QUERY}" } }, orderBy: [{ field: SIMILARITY }], first: 50) { totalCount nodes { source } }
       similarDocuments(query: "${QUERY}", first: 50) { nodes { id } } }`,
      {},
      { as: STRANGER },
    );
    expect(page.totalCount).toBe(4);
    expect(page.nodes.map(({ source }: any) => source).sort()).toEqual([0, 1, 2, 3].map((at) => `made/${at}.md`));
    expect(similarDocuments.nodes).toHaveLength(4);
  });
}
