/** N+1 is impossible to miss: the statements that a query costs do not depend on how much it finds. */
import { readFile } from 'node:fs/promises';
import { parse, type ExecutionResult } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { createEngine, type Engine } from '#gateway/execute/engine.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { pace } from '#subgraphs/shared/turns.ts';
import { received } from '#tests/engine/federation.ts';
import { applyPatches } from '#tests/engine/patches.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const DOCUMENTS = 120;

let server: TestServer;
let engine: Engine;

/** Runs a query and returns its answer with the statements that it cost, by store. */
async function cost(
  query: string,
  variables: Record<string, unknown> = {},
  operationName?: string,
): Promise<{ answer: ExecutionResult; statements: Record<string, number> }> {
  const context = createRequestContext(DEVELOPER);
  const answer = await engine.execute({ document: parse(query), variables, operationName, context });
  expect(answer.errors).toBeUndefined();
  return { answer, statements: context.statements.counts() };
}

/** The same at another pace: with turns that end after each object, or never. */
async function costOf(query: string, other: typeof pace): ReturnType<typeof cost> {
  Object.assign(pace, other);
  return await cost(query);
}

beforeAll(async () => {
  server = await startTestServer();
  engine = await createEngine({
    supergraphSdl: server.server.supergraph.current.sdl,
    clients: server.services.clients,
  });
  const UPSERT = 'mutation($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }';
  for (let i = 0; i < DOCUMENTS; i++) {
    const self = { name: `package-${i}`, kind: 'package' };
    const input = {
      title: `Document ${i}`,
      source: `made/${i}.md`,
      mediaType: 'text/markdown',
      // Few documents speak of falcons, all of pigeons: one query finds 1, the other as many as are asked for.
      text: `Pigeon number ${i} retries with backoff.\n\n${i === 0 ? 'The falcon is alone.' : 'No other bird.'}`,
      metadata: {},
      entities: [self, { name: `topic-${i % 7}`, kind: 'topic' }],
      relations: [1, 2, 3].map((step) => ({
        from: self,
        to: { name: `package-${(i * 3 + step) % DOCUMENTS}`, kind: 'package' },
        type: 'DEPENDS_ON',
      })),
    };
    await cost(UPSERT, { input });
  }
  await delivered(server);
});
afterAll(async () => {
  await engine?.close();
  await server?.[Symbol.asyncDispose]();
});

test('Research costs the same few statements however many hits there are', async () => {
  const operations = await readFile(new URL('../../contract/operations.graphql', import.meta.url), 'utf8');
  // The first of a process loads the tenant's vectors into memory, and learns that there is the type of relation that it
  // names; what follows is the price of every other one.
  await cost(operations, { question: 'falcon' }, 'Research');
  const sizes = [1, 5, 50];
  const costs = [];
  for (const first of sizes) {
    const text = operations.replace('mode: HYBRID, first: 5', `mode: HYBRID, first: ${first}`);
    const { answer, statements } = await cost(text, { question: 'pigeon retries with backoff' }, 'Research');
    const { edges } = answer.data!['search'] as { edges: { node: { document: object } }[] };
    expect(edges).toHaveLength(first);
    expect(edges.at(-1)!.node.document).toMatchObject({
      file: { text: expect.stringContaining('Pigeon') as string },
      similar: { edges: { length: 3 } },
    });
    costs.push(statements);
  }
  expect(costs[1]).toEqual(costs[0]);
  expect(costs[2]).toEqual(costs[0]);
  expect(costs[0]!['postgres']).toBeLessThanOrEqual(12);
});

test('a page of documents with its chunks, entities and files costs a constant number of statements', async () => {
  const query = (first: number): string => `{
    documents(first: ${first}, orderBy: [{ field: TITLE, direction: ASC }]) {
      edges { node {
        title
        chunks(first: 2) { edges { node { text } } }
        entities(first: 5) { edges { node { name relations(first: 3) { edges { node { name } } } } } }
        file { sizeBytes checksum }
        indexing { store state }
      } }
    }
  }`;
  const few = await cost(query(1));
  const many = await cost(query(100));
  const { edges } = many.answer.data!['documents'] as {
    edges: { node: { file: object; entities: { edges: unknown[] } } }[];
  };
  expect(edges).toHaveLength(100);
  expect(edges.every(({ node }) => node.file !== null && node.entities.edges.length === 2)).toBe(true);
  expect(many.statements).toEqual(few.statements);
  expect(many.statements['postgres']).toBeLessThanOrEqual(8);
});

test('what stands around passages costs a constant number of statements', async () => {
  const query = (first: number): string => `{
    search(query: "pigeon", first: ${first}) { nodes { index document { chunks { nodes { id index } } } surrounding(before: 0, after: 3) { id index } } }
  }`;
  // The first search of all loads vectors.
  await cost(query(1));
  const few = await cost(query(1));
  const many = await cost(query(100));
  const { nodes } = many.answer.data!['search'] as {
    nodes: { index: number; surrounding: object[]; document: { chunks: { nodes: { index: number }[] } } }[];
  };
  expect(nodes).toHaveLength(100);
  for (const { index, surrounding, document } of nodes)
    expect(surrounding).toEqual(document.chunks.nodes.filter((each) => each.index > index && each.index <= index + 3));
  expect(many.statements).toEqual(few.statements);
  const wrong = await engine.execute({
    document: parse('{ search(query: "pigeon", first: 1) { nodes { surrounding(before: 11) { id } } } }'),
    context: createRequestContext(DEVELOPER),
  });
  expect(wrong.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
});

test('a page of documents that is streamed is read by its keys, with few statements for each batch', async () => {
  const query = (stream: string): string => `{
    documents(first: 110, orderBy: [{ field: TITLE, direction: ASC }]) {
      edges ${stream} { cursor node {
        title
        chunks(first: 2) { edges { node { text } } }
        entities(first: 5) { edges { node { name } } }
        file { sizeBytes checksum }
      } }
      totalCount
    }
  }`;
  const whole = await cost(query(''));
  const read = async (messages: number) => {
    const context = createRequestContext(DEVELOPER);
    const document = parse(query('@stream(initialCount: 10)'));
    const parts = (await engine.executeIncrementally!({ document, context })) as AsyncIterableIterator<ExecutionResult>;
    const seen: ExecutionResult[] = [];
    for (let next = await parts.next(); next.done !== true; next = await parts.next())
      if (seen.push(next.value) === messages) break;
    await parts.return!();
    return { seen, statements: context.statements.counts()['postgres']! };
  };
  const all = await read(Infinity);
  const [first, ...rest] = all.seen;
  expect((first!.data!['documents'] as { edges: unknown[] }).edges).toHaveLength(10);
  expect(rest.length).toBeGreaterThan(1);
  const together = await applyPatches(
    (async function* () {
      yield* all.seen;
    })(),
  );
  expect(together).toEqual(received(whole.answer));
  // Four pages of 10, 50, 50 and none, and what is behind them for the first and three batches at the most.
  expect(all.statements).toBeLessThanOrEqual(4 * whole.statements['postgres']!);
  expect((await read(1)).statements).toBeLessThan(all.statements);
});

test('it costs no more where others have their turns in between', async () => {
  const query = `{
    documents(first: 100, orderBy: [{ field: TITLE, direction: ASC }]) {
      edges { node { title chunks(first: 2) { edges { node { text } } } entities(first: 5) { edges { node { name } } } file { sizeBytes } } }
    }
  }`;
  const before = { ...pace };
  const undisturbed = await costOf(query, { stretchMs: 60_000, objects: before.objects });
  const disturbed = await costOf(query, { stretchMs: -1, objects: 1 });
  Object.assign(pace, before);
  expect(disturbed.answer).toEqual(undisturbed.answer);
  expect(disturbed.statements).toEqual(undisturbed.statements);
});

test('the count of all items costs a statement only when it is asked for', async () => {
  const without = await cost('{ documents(first: 3) { edges { node { id } } } }');
  const withCount = await cost('{ documents(first: 3) { totalCount edges { node { id } } } }');
  expect(withCount.statements['postgres']).toBe(without.statements['postgres']! + 1);
});
