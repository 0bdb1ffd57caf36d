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
}, 240_000);
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

test.each([
  ['documents', 'query ($where: DocumentFilter) { documents(where: $where) { nodes { id } } }'],
  ['search', 'query ($where: SearchFilter) { search(query: "a", mode: VECTOR, where: $where) { nodes { id } } }'],
])('a key of metadata that no document has is told of %s', async (_, query) => {
  const hintsOf = async (where: object): Promise<{ suggestions: string[] }[] | undefined> => {
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
  expect(await hintsOf({ metadata: [{ path: ['autor'], exists: false }], source: { eq: 'x' } })).toBeUndefined();
});

test.each([
  ['documents', 'query ($where: DocumentFilter) { documents(where: $where) { nodes { id } } }'],
  ['documentFacets', 'query ($where: DocumentFilter) { documentFacets(where: $where) { collections { name } } }'],
  ['search', 'query ($where: SearchFilter) { search(query: "a", mode: VECTOR, where: $where) { nodes { id } } }'],
])('a collection that there is not is told of %s', async (_, query) => {
  const hintsOf = async (where: object): Promise<object[] | undefined> => {
    const { answer } = await WAYS_IN['POST']!(server.url, { query, variables: { where } });
    expect(answer.errors).toBeUndefined();
    return (answer as { extensions?: { hints?: object[] } }).extensions?.hints;
  };
  const unknown = { message: 'There is no collection "defaults". Did you mean "default"?', suggestions: ['default'] };
  expect(await hintsOf({ collection: { eq: 'defaults' } })).toMatchObject([unknown]);
  expect(await hintsOf({ or: [{ collection: { in: ['defaults', 'default'] }, source: { eq: 'x' } }] })).toMatchObject([
    unknown,
  ]);
  expect(await hintsOf({ collection: { eq: "' OR true --" } })).toMatchObject([{ suggestions: [] }]);
  expect(await hintsOf({ collection: { eq: 'default' }, source: { eq: 'x' } })).toBeUndefined();
  expect(await hintsOf({ collection: { ne: 'defaults' }, source: { eq: 'x' } })).toBeUndefined();
});

test('a collection that there is not is told of the argument of search, too', async () => {
  const query = '{ search(query: "a", mode: VECTOR, collection: "Default") { nodes { id } } }';
  const { answer } = await WAYS_IN['MCP']!(server.url, { query });
  expect((answer as { extensions?: object }).extensions).toMatchObject({ hints: [{ path: ['search'], suggestions: ['default'] }] }); // prettier-ignore
});

test('of a name, a kind or a path that is not there is told which, and what may have been meant', async () => {
  const must = async (query: string) => {
    const { answer } = await WAYS_IN['POST']!(server.url, { query });
    return { ...answer, hints: (answer as { extensions?: { hints?: { message: string }[] } }).extensions?.hints };
  };
  const made = await must(`mutation { upsertEntities(input: { entities: [
    { name: "pg", kind: "package" } { name: "pg", kind: "keyword" } { name: "cockatiel", kind: "package" } { name: "far", kind: "package" }
  ] }) { entities { id } } }`);
  expect(made.errors).toBeUndefined();
  const messages = async (query: string): Promise<(string | undefined)[]> => {
    const { errors, hints = [] } = await must(`{ ${query} }`);
    return [...(errors ?? []).map(({ message }) => message), ...hints.map(({ message }) => message)];
  };

  const several = await must('{ shortestPath(from: "cockatiel", to: "pg") { length } }');
  expect(several.errors![0]).toMatchObject({
    message: '`to`: Several entities are named "pg".',
    extensions: { hint: 'Say which, by its kind: `toKind: "keyword"` or `toKind: "package"`.' },
  });
  expect((await must('{ entity(name: "pg") { id } }')).errors![0]!.extensions!['hint']).toContain('`kind: "package"`');
  // The kind, and not the name, is misspelt.
  const kind = 'There is no kind of entity "packge". Did you mean "package"?';
  expect(await messages('entity(name: "pg", kind: "packge") { id }')).toEqual([kind]);
  expect(await messages('shortestPath(from: "pg", fromKind: "packge", to: "far") { length }')).toEqual([
    `\`from\`: ${kind}`,
  ]);
  expect(await messages('entity(name: "far", kind: "keyword") { id }')).toEqual([
    'There is no entity "far" of the kind "keyword". Of this name there is: "package".',
  ]);
  // A letter too many, one too few, another at the beginning, and capitals.
  for (const [written, meant] of [
    ['pgg', 'pg'],
    ['cockatil', 'cockatiel'],
    ['kockatiel', 'cockatiel'],
    ['Cockatiell', 'cockatiel'],
  ])
    expect(await messages(`entity(name: "${written}", kind: "package") { id }`)).toEqual([
      expect.stringMatching(new RegExp(`of the kind "package" "${written}". Did you mean "${meant}"`)),
    ]);
  expect(await messages('entities(where: { name: { eq: "cockatil" } }) { nodes { id } }')).toEqual([
    'There is no entity "cockatil". Did you mean "cockatiel"?',
  ]);
  // Not connected, and connected by more than was allowed.
  expect(await messages('shortestPath(from: "cockatiel", to: "far") { length }')).toEqual([
    'No path of any length connects the two.',
  ]);
  expect(await messages('shortestPath(from: "p1", to: "p0", direction: OUT) { length }')).toEqual([
    'No path of any length in the direction OUT connects the two.',
  ]);
  const chain = ['p1', 'p2', 'p3'].map(
    (name, at) =>
      `{ from: { name: "${name}", kind: "package" }, to: { name: "p${at + 2}", kind: "package" }, type: "DEPENDS_ON" }`,
  );
  const chained = await must(
    `mutation { upsertRelations(input: { relations: [${chain.join()}] }) { relations { id } } }`,
  );
  expect(chained.errors).toBeUndefined();
  expect(await messages('shortestPath(from: "p0", to: "p4", maxDepth: 2) { length }')).toEqual([
    'There is no path of at most 2 relations; there may be a longer one (`maxDepth`).',
  ]);
  expect(await messages('shortestPath(from: "p0", to: "p4", maxDepth: 4) { length }')).toEqual([]);
});

test('a filter by what is no id, and a prefix that no key has, are told', async () => {
  const messages = async (query: string): Promise<string[]> => {
    const { answer } = await WAYS_IN['POST']!(server.url, { query: `{ ${query} { nodes { __typename } } }` });
    expect(answer.errors).toBeUndefined();
    const { hints = [] } = (answer as { extensions?: { hints?: { message: string }[] } }).extensions ?? {};
    return hints.map(({ message }) => message);
  };
  const noAgent = '`agentId`: "librarian" is not the id of one: ids of Agent look like `agt_…`.';
  expect(await messages('runs(where: { agentId: { eq: "librarian" } })')).toEqual([noAgent]);
  expect(await messages('memoryFacts(where: { or: [{ agentId: { in: ["librarian"] } }] })')).toEqual([noAgent]);
  expect(await messages('documents(where: { id: { eq: "made/p0.md" } })')).toEqual([
    '`id`: "made/p0.md" is not the id of one: ids of Document look like `doc_…`.',
  ]);
  expect(await messages('runs(where: { agentId: { eq: "agt_zzz" } })')).toEqual([]);
  expect(
    await messages('runs(where: { not: { agentId: { eq: "librarian" } }, startedAt: { isNull: false } })'),
  ).toEqual([]);
  expect(await messages('objects(prefix: "document/")')).toEqual([
    'There is no key that begins with "document/". Did you mean "documents/"?',
  ]);
  expect(await messages('objects(prefix: "documents/")')).toEqual([]);
  expect(await messages('objects(prefix: "日本")')).toEqual(['There is no key that begins with "日本".']);
});
