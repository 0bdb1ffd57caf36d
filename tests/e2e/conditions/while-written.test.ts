/**
 * Filters and orders across stores while others write. What matches all the time is in the pages, once and in its order; what never does is
 * in none; what comes and goes may be in them or not, but never twice.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import type { Engine } from '#gateway/execute/engine.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { Random } from '#tests/engine/random/random.ts';
import { givenGraphAndVectors } from '#tests/setup/given-stores.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { asking, engineOf, inPages } from './asking.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */

const DOCUMENTS = 60;
/** How often all pages of each list are read. */
const ROUNDS = 2;
const CALLER: Principal = { ...DEVELOPER, tenantId: `written-${randomBytes(4).toString('hex')}` };

type Lot = 'always' | 'never' | 'moving';
const lotOf = (index: number): Lot => (['always', 'moving', 'never'] as const)[index % 3]!;
/** Each has an entity of its own besides the one that filters ask for. */
const own = (index: number): string => `own-${String(index).padStart(2, '0')}`;
const indexOf = (name: string): number => Number(name.replace(/\D/g, ''));

let server: TestServer;
/** As it is served. */
let engine: Engine;
/** With pages of a few, so that each question of the gateway is many. */
let small: Engine;
/** Where next to nothing may be pushed, so that lists are walked. */
let narrow: Engine;
const { dataOf, writeDocument } = asking(() => ({ on: engine, as: CALLER }));

async function write(index: number, matches: boolean, version = 0): Promise<void> {
  const input = {
    title: `Document ${index}`,
    source: `made/${index}.md`,
    mediaType: 'text/markdown',
    text: `Pigeon number ${index} retries with backoff${' and coos'.repeat(index % 4)}. ${version}`,
    entities: [{ name: own(index), kind: 'package' }, ...(matches ? [{ name: 'wanted', kind: 'topic' }] : [])],
    relations: [],
  };
  await writeDocument(input);
}

beforeAll(async () => {
  server = await startTestServer(givenGraphAndVectors());
  engine = await engineOf(server);
  small = await engineOf(server, (sdl) => inPages(sdl, 5), { nested: 2 });
  narrow = await engineOf(server, (sdl) => inPages(sdl, 4), { pushed: 5 });
  for (let index = 0; index < DOCUMENTS; index++) await write(index, lotOf(index) === 'always');
  await delivered(server);
}, 120_000);
afterAll(async () => {
  for (const each of [engine, small, narrow]) await each?.close();
  await server?.[Symbol.asyncDispose]();
});

/** Changes what moves, one after the other, until it is over. @returns how many writes there were */
async function writeUntil(over: AbortSignal, seed: number): Promise<number> {
  const random = new Random(seed);
  let writes = 0;
  for (; !over.aborted; writes++) {
    const index = 1 + 3 * random.below(DOCUMENTS / 3);
    await write(index, random.chance(0.5), seed * 1_000 + writes);
  }
  return writes;
}

interface List {
  readonly what: string;
  readonly query: string;
  /** By its index, what the list has it at. */
  readonly at: (node: any) => number;
  /** Whether it is in the order of scores, which what is written anew changes. */
  readonly byScore: boolean;
  /** The order of what is always there; undefined where nothing says it beforehand. */
  readonly order?: (one: number, other: number) => number;
}
const MATCHING = 'entities: { some: { name: { eq: "wanted" } } }';
const PAGE = 'pageInfo { hasNextPage endCursor }';
const LISTS: readonly List[] = [
  {
    what: 'documents by what entities they name',
    query: `query($first: Int, $after: String) { list: documents(where: { ${MATCHING} }, orderBy: [{ field: TITLE }], first: $first, after: $after) { nodes { title } ${PAGE} } }`,
    at: ({ title }) => indexOf(title),
    byScore: false,
    order: (one, other) => (`Document ${one}` < `Document ${other}` ? -1 : 1),
  },
  {
    what: 'documents in the order of how near they are',
    query: `query($first: Int, $after: String) { list: documents(where: { ${MATCHING}, similarTo: { query: "a pigeon coos" } }, orderBy: [{ field: SIMILARITY }], first: $first, after: $after) { nodes { title } ${PAGE} } }`,
    at: ({ title }) => indexOf(title),
    byScore: true,
  },
  {
    what: 'entities by what documents name them',
    query: `query($first: Int, $after: String) { list: entities(where: { kind: { eq: "package" }, documents: { some: { ${MATCHING} } } }, first: $first, after: $after) { nodes { name } ${PAGE} } }`,
    at: ({ name }) => indexOf(name),
    byScore: false,
  },
  {
    what: 'passages by their documents and what these name',
    query: `query($first: Int, $after: String) { list: search(query: "a pigeon coos", mode: VECTOR, where: { document: { ${MATCHING} } }, first: $first, after: $after) { nodes { document { title } } ${PAGE} } }`,
    at: ({ document }) => indexOf(document.title),
    byScore: true,
  },
];

async function pagesOf({ query, at }: List, first: number, on: Engine): Promise<number[]> {
  const found: number[] = [];
  for (let after: string | null = null, pages = 0; pages < DOCUMENTS; pages++) {
    const { list } = await dataOf(query, { first, after }, { on });
    // What was deleted or moved between two stores' answers has no title any more.
    for (const node of list.nodes) if (node.document !== null) found.push(at(node));
    if (!list.pageInfo.hasNextPage) break;
    after = list.pageInfo.endCursor;
  }
  return found;
}

describe.each(LISTS)('$what', (list) => {
  test.each([
    ['as it is served', () => engine, 7],
    ['in pages of a few', () => small, 4],
    ['where next to nothing is pushed', () => narrow, 3],
  ] as const)('%s', async (_, on, first) => {
    const always = Array.from({ length: DOCUMENTS }, (_, index) => index).filter((index) => lotOf(index) === 'always');
    const before = (await pagesOf(list, first, on())).filter((index) => lotOf(index) === 'always');
    const over = new AbortController();
    const writing = writeUntil(over.signal, first);
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const found = await pagesOf(list, first, on());
        // What is written anew moves in an order by score, and may be met again behind the place where it was.
        const fixed = found.filter((index) => !list.byScore || lotOf(index) !== 'moving');
        expect(new Set(fixed).size, `${found.join()} has one twice`).toBe(fixed.length);
        expect(found.filter((index) => lotOf(index) === 'never')).toEqual([]);
        const steady = found.filter((index) => lotOf(index) === 'always');
        // In the order that they have in quiet; where it can be said beforehand, in that.
        expect(steady).toEqual(before);
        expect([...steady].sort((one, other) => one - other)).toEqual(always);
        if (list.order !== undefined) expect(steady).toEqual([...always].sort(list.order));
      }
    } finally {
      over.abort();
      expect(await writing).toBeGreaterThan(0);
    }
  });
});
