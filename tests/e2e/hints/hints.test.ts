/** What is told beside an answer comes by every way in: a misspelt kind looks like an empty list. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const ends = 'from: { name: "p0", kind: "package" }, to: { name: "p1", kind: "package" }, type: "DEPENDS_ON"';
  const source = 'made/p0.md';
  for (const query of [
    `mutation { upsertRelations(input: { relations: [{ ${ends} }] }) { relations { id } } }`,
    `mutation { upsertDocument(input: { title: "P", source: "${source}", mediaType: "text/plain", text: "P", metadata: { author: "Zoë", release_year: 2026 }, entities: [{ name: "p0", kind: "package" }] }) { document { id } } }`,
  ])
    expect((await WAYS_IN['POST']!(server.url, { query })).answer.errors).toBeUndefined();
  await vi.waitFor(
    async () => {
      const query = '{ documents { nodes { indexing { state } } } }';
      const { nodes } = (await WAYS_IN['POST']!(server.url, { query })).answer.data!['documents'];
      for (const { state } of nodes[0].indexing) expect(state).toBe('DONE');
    },
    { timeout: 30_000 },
  );
}, 60_000);
afterAll(async () => await server?.[Symbol.asyncDispose]());

test.each(Object.keys(WAYS_IN))("by %s, at the client's paths", async (way) => {
  const hintsOf = async (query: string, variables?: Record<string, unknown>): Promise<unknown[] | undefined> => {
    const { answer } = await WAYS_IN[way]!(server.url, { query, variables });
    expect(answer.errors).toBeUndefined();
    return (answer as { extensions?: { hints?: unknown[] } }).extensions?.hints;
  };
  const asked = `query ($kind: String) { mine: entities(where: { kind: { eq: $kind } }) { nodes { id } }
    documents(first: 1) { nodes { named: entities { nodes { far: neighbors(types: ["DEPENDS"]) { nodes { id } } } } } } }`;
  const hints = await hintsOf(asked, { kind: 'Package' });
  expect(hints).toHaveLength(2);
  const message = expect.stringContaining('Did you mean') as string;
  for (const hint of [
    { path: ['mine'], message, suggestions: ['package'] },
    // Of a field that another subgraph leads to.
    { path: ['documents', 'nodes', 0, 'named', 'nodes', 0, 'far'], message, suggestions: ['DEPENDS_ON'] },
  ])
    expect(hints).toContainEqual(hint);
  expect(await hintsOf('{ entities(where: { kind: { eq: "package" } }) { nodes { id } } }')).toBeUndefined();
});

test('a key of metadata that no document has is told', async () => {
  const hintsOf = async (where: object): Promise<{ suggestions: string[] }[] | undefined> => {
    const query = 'query ($where: DocumentFilter) { documents(where: $where) { nodes { id } } }';
    const { answer } = await WAYS_IN['POST']!(server.url, { query, variables: { where } });
    expect(answer.errors).toBeUndefined();
    return (answer as { extensions?: { hints?: { suggestions: string[] }[] } }).extensions?.hints;
  };
  const of = async (...path: string[]) => (await hintsOf({ metadata: [{ path, eq: 'x' }] }))?.[0]?.suggestions;
  expect(await of('autor')).toEqual(['author']);
  expect(await of('releaseYear')).toEqual(['release_year']);
  expect(await of("' OR true --")).toEqual([]);
  expect(await of('日本')).toEqual([]);
  expect(await of('author', 'nothing')).toBeUndefined();
  expect(await hintsOf({ metadata: [{ path: ['author.name'], eq: 'x' }] })).toMatchObject([
    { message: expect.stringContaining('did you mean ["author", "name"]?') as string, suggestions: ['author'] },
  ]);
  expect(await hintsOf({ or: [{ metadata: [{ path: ['autor'], eq: 1 }] }] })).toHaveLength(1);
  expect(await hintsOf({ metadata: [{ path: ['autor'], exists: false }], title: { eq: 'x' } })).toBeUndefined();
});
