import { Client, StreamableHTTPClientTransport, type CallToolResult } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { delivered } from '#tests/setup/delivered.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { READING } from './agent-tools.ts';

let it: TestServer;
let client: Client;
beforeAll(async () => {
  it = await startTestServer();
  client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${it.url}/mcp`)));
});
afterAll(async () => {
  await client.close();
  await it[Symbol.asyncDispose]();
});

async function call(name: string, args: Record<string, unknown>): Promise<{ text: string; isError: boolean }> {
  const result = await client.callTool({ name, arguments: args });
  const [content] = result.content as { type: string; text: string }[];
  return { text: content!.text, isError: result.isError === true };
}

const post = async (query: string, variables: Record<string, unknown> = {}) =>
  (await (
    await fetch(`${it.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    })
  ).json()) as {
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever the API answers
    data: any;
  };

const message = (name: string, args: unknown): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } });

/** A message as a client sends it that is not the SDK's. `fetch` sends `accept: *\/*` where none is given. */
const rpc = (body: string, accept?: string): Promise<Response> =>
  fetch(`${it.url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(accept === undefined ? {} : { accept }) },
    body,
  });

describe('MCP', () => {
  test('offers read-only tools with short descriptions', async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(READING);
    expect(tools.every(({ annotations }) => annotations?.readOnlyHint === true)).toBe(true);
    // Each of these words is sent to the model on each turn; what tools answer stays with its host, as does which view shows it.
    const withAnswers = tools.map(({ _meta, ...tool }) => tool);
    const told = withAnswers.map(({ outputSchema: _, ...tool }) => tool);
    expect(JSON.stringify(told).length).toBeLessThan(5_500);
    expect(JSON.stringify(withAnswers).length).toBeLessThan(11_000);
  });

  test.each([
    ['similar chunks of documents', /similar/],
    ['walk the knowledge graph neighbors', /neighbors\(/],
    ['signed download URL', /downloadUrl/],
    ['shortest path', /shortestPath\(/],
    ['embedding', /embed\(/],
  ])('search_schema finds %j', async (query, expected) => {
    const { text, isError } = await call('search_schema', { query });
    expect(isError).toBe(false);
    expect(text).toMatch(expected);
    expect(text.length).toBeLessThan(20_000);
  });

  test('search_schema shows what `execute` runs before what it does not', async () => {
    const { text } = await call('search_schema', { query: 'documents' });
    expect(text).toMatch(/^type Query \{[^}]* documents\(/m);
    const [query, mutation] = ['type Query {', 'type Mutation {'].map((type) => text.indexOf(type));
    expect(mutation === -1 || mutation! > query!).toBe(true);
  });

  test('search_schema names the entry points when nothing fits', async () => {
    expect((await call('search_schema', { query: 'xyzzy' })).text).toMatch(/Query: .*documents/);
  });

  test.each([
    ['Document', /^type Document[^{]*\{/m],
    ['Document.similar', /similar\(/],
    ['documents', /^type Query \{[^}]* documents\(/m],
    ['`DocumentFilter`', /^input DocumentFilter \{/m],
    ['Query', /^type Query \{/m],
    ['SearchMode', /HYBRID/],
    ['document', /document\(/],
    ['Dokument', /There is no "Dokument"\. Did you mean .*Document/],
    ['Document.simlar', /Did you mean Document\.similar/],
    ['__proto__', /There is no/],
    ['constructor.name', /There is no/],
  ])('describe shows %j', async (name, expected) => {
    const { text, isError } = await call('describe', { name });
    expect(isError).toBe(false);
    expect(text).toMatch(expected);
  });

  test('what describe shows is told in pages where it is long', async () => {
    const { text } = await call('describe', { name: 'Query', limit: 1_000 });
    expect(text.length).toBeLessThanOrEqual(1_000);
    const next = await call('describe', { name: 'Query', limit: 1_000, offset: 1_000 });
    expect(next.text).not.toBe(text);
  });

  test('validate says what an operation is and may cost, and runs nothing', async () => {
    const query = 'mutation ($n: String!) { createAgent(input: { name: $n }) { agent { id } } }';
    const result = await client.callTool({ name: 'validate', arguments: { query, variables: { n: 'never made' } } });
    expect(result.structuredContent).toEqual({ valid: true, type: 'mutation', cost: expect.any(Number) as number });
    const { data } = await post('{ agents(where: { name: { eq: "never made" } }) { totalCount } }');
    expect(data).toEqual({ agents: { totalCount: 0 } });
  });

  test.each([
    ['{ documnets { nodes { id } } }', undefined, /Did you mean/],
    ['{ documents(first: "x") { nodes { id } } }', undefined, /Int cannot represent/],
    ['query ($n: Int!) { documents(first: $n) { nodes { id } } }', { n: 'x' }, /"\$n" got invalid value "x"/],
    ['query ($n: Int!) { documents(first: $n) { nodes { id } } }', {}, /"\$n" of required type/],
    ['{', undefined, /Syntax/],
  ])('validate tells what is wrong with %j', async (query, variables, expected) => {
    const { text, isError } = await call('validate', { query, ...(variables === undefined ? {} : { variables }) });
    expect(isError).toBe(true);
    expect((JSON.parse(text) as { errors: { message: string }[] }).errors[0]!.message).toMatch(expected);
  });

  test.each([
    '{ tenant { id ... @defer { id } } }',
    'query ($later: Boolean! = true) { ...F @include(if: $later) @defer(if: $later) } fragment F on Query { tenant { id } }',
    '{ __schema { directives @stream(initialCount: 1) { name } } }',
    '{ a: tenant { id } ... @defer(label: "x") { tenant { id } } ... @defer(label: "x") { tenant { id } } }',
    '{ __schema { directives @stream(initialCount: -1) { name } } }',
  ])('what validate says of %s is what execute does, in one part', async (query) => {
    const said = JSON.parse((await call('validate', { query })).text) as { valid?: boolean; errors?: unknown };
    const whole = query.replaceAll(/@(?:defer|stream)(?:\([^)]*\))?/g, '');
    const { text, isError } = await call('execute', { query: said.valid === true ? whole : query });
    expect(isError).toBe(said.valid !== true);
    if (isError) expect(JSON.parse(text)).toEqual(said);
    else expect((await call('execute', { query })).text).toBe(text);
  });

  test('whole numbers that a field takes are whole, and of 32 bits, in the schemas of the tools', async () => {
    const { tools } = await client.listTools();
    const numbers = tools.flatMap(({ name, inputSchema }) => {
      const written = JSON.stringify(inputSchema);
      expect(written, name).not.toContain('"type":"number"');
      return written.match(/"maximum":\d+/g) ?? [];
    });
    expect(numbers).toContain('"maximum":2147483647');
    for (const maxTokens of [1.5, 2 ** 31])
      expect((await call('session_context', { sessionId: 'ses_none', maxTokens })).text).toMatch(
        /Invalid arguments.*maxTokens/s,
      );
  });

  test('what is wrong with a long value is told without the whole of it', async () => {
    const { text } = await call('validate', { query: `{ documents(first: "${'x'.repeat(100_000)}") { totalCount } }` });
    expect(text).toMatch(/Int cannot represent.* … /);
    expect(text.length).toBeLessThan(1_500);
  });

  test('search finds passages, of one collection where one is named', async () => {
    const document = (collection: string) =>
      post(
        'mutation ($c: String!) { upsertDocument(input: { source: $c, title: "Tides", mediaType: "text/plain", text: "The tide turns at the harbour.", collection: $c, waitFor: [VECTOR], timeoutMs: 20000 }) { document { id } } }',
        { c: collection },
      );
    for (const collection of ['sea', 'shore'])
      expect(await document(collection)).toMatchObject({ data: { upsertDocument: { document: {} } } });
    const result = await client.callTool({
      name: 'search',
      arguments: { query: 'when does the tide turn', first: 3, collection: 'sea' },
    });
    expect(result.structuredContent).toMatchObject({
      data: {
        search: { edges: [{ node: { text: expect.stringContaining('tide') as string, document: { source: 'sea' } } }] },
      },
    });
    expect(JSON.parse((result.content[0] as { text: string }).text)).toEqual(result.structuredContent);
    const everywhere = await client.callTool({ name: 'search', arguments: { query: 'when does the tide turn' } });
    const { data } = everywhere.structuredContent as { data: { search: { edges: unknown[] } } };
    expect(data.search.edges).toHaveLength(2);
  });

  test('mutations take a tool of their own, which the operator allows', async () => {
    const mutation = 'mutation { rememberFact(input: { key: "k", value: "v", source: "mcp" }) { fact { value } } }';
    expect((await (await rpc(message('mutate', { query: mutation }))).json()) as object).toMatchObject({
      error: { message: expect.stringContaining('mutate') as string },
    });
    await using other = await startTestServer({ MCP_MUTATIONS: 'on' });
    const writer = new Client({ name: 'writer', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await writer.connect(new StreamableHTTPClientTransport(new URL('/mcp', other.url)));
    const { tools } = await writer.listTools();
    expect(tools.find(({ name }) => name === 'mutate')?.annotations).toMatchObject({
      readOnlyHint: false,
      destructiveHint: true,
    });
    const made = await writer.callTool({ name: 'mutate', arguments: { query: mutation } });
    expect(made.structuredContent).toEqual({ data: { rememberFact: { fact: { value: 'v' } } } });
    const read = await writer.callTool({ name: 'mutate', arguments: { query: '{ __typename }' } });
    expect(read).toMatchObject({
      isError: true,
      structuredContent: { errors: [{ extensions: { code: 'FORBIDDEN' } }] },
    });
    await writer.close();
  });

  test('execute reads, with variables', async () => {
    await post('mutation { rememberFact(input: { key: "colour", value: "green", source: "test" }) { fact { id } } }');
    const { text, isError } = await call('execute', {
      query: 'query ($k: String) { memoryFacts(where: { key: { eq: $k } }) { edges { node { value } } } }',
      variables: { k: 'colour' },
    });
    expect(isError).toBe(false);
    expect(JSON.parse(text)).toEqual({ data: { memoryFacts: { edges: [{ node: { value: 'green' } }] } } });
  });

  test.each([
    ['mutation { createAgent(input: { name: "x" }) { agent { id } } }', 'FORBIDDEN', /only reads/],
    ['subscription { runEvents(runId: "run_1") { sequence } }', 'FORBIDDEN', /only reads/],
    ['{ nope }', 'GRAPHQL_VALIDATION_FAILED', /nope/],
    ['{', 'GRAPHQL_PARSE_FAILED', /Syntax/],
    [`{ __type(name: "X") { ${'ofType { '.repeat(40)}name${' }'.repeat(40)} } }`, 'QUERY_TOO_DEEP', /levels/],
    ['{ document(id: "a\\u0000") { id } }', 'BAD_USER_INPUT', /NUL/],
  ])('execute refuses %j so that a model can mend it', async (query, code, message) => {
    const { text, isError } = await call('execute', { query });
    expect(isError).toBe(true);
    expect(text).toMatch(message);
    expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code } }] });
  });

  test('run_events pages through a run by its cursor', async () => {
    const agent = (await post('mutation { createAgent(input: { name: "a" }) { agent { id } } }')).data.createAgent.agent
      .id as string;
    const run = (await post('mutation ($a: ID!) { startRun(input: { agentId: $a }) { run { id } } }', { a: agent }))
      .data.startRun.run.id as string;
    await post(
      'mutation ($r: ID!) { appendRunEvents(input: { runId: $r, events: [{ type: STEP_STARTED, payload: { stepName: "one" } }] }) { events { sequence } } }',
      { r: run },
    );
    await post('mutation ($r: ID!) { finishRun(input: { runId: $r }) { run { id } } }', { r: run });
    const types: string[] = [];
    for (let after: string | undefined; ;) {
      const page = JSON.parse((await call('run_events', { runId: run, after, first: 1 })).text) as {
        data: {
          run: {
            events: { edges: { node: { type: string } }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
          };
        };
      };
      const { edges, pageInfo } = page.data.run.events;
      types.push(...edges.map(({ node }) => node.type));
      if (!pageInfo.hasNextPage) break;
      after = pageInfo.endCursor;
    }
    expect(types).toEqual(expect.arrayContaining(['STEP_STARTED', 'RUN_FINISHED']));
    expect(types.at(-1)).toBe('RUN_FINISHED');
  });

  test.each([
    ['not JSON', '{', 400],
    ['not a message', '{}', 400],
  ])('a body that is %s is refused', async (_, body, status) => {
    const answer = await fetch(`${it.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body,
    });
    expect(answer.status).toBe(status);
  });

  test('a body that is not JSON is told so in JSON-RPC', async () => {
    const answer = await rpc('{"jsonrpc": "2.0", ');
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32700 } });
  });

  test.each(['*/*', 'application/json', 'application/*', 'application/json, text/event-stream', undefined])(
    'who accepts %s is answered',
    async (accept) => {
      const answer = await rpc(message('search_schema', { query: 'documents' }), accept);
      expect(answer.status).toBe(200);
      expect(await answer.json()).toMatchObject({ id: 1, result: { content: [{ type: 'text' }] } });
    },
  );

  test('who accepts nothing that it could send is refused', async () => {
    expect((await rpc(message('search_schema', { query: 'documents' }), 'text/html')).status).toBe(406);
  });

  test.each([
    ['an object', { k: 'x' }],
    ['JSON text', '{"k": "x"}'],
    ['an empty text', ''],
    ['null', null],
    ['JSON text of null', 'null'],
    ['nothing', undefined],
  ])('variables may be %s', async (_, variables) => {
    const { text, isError } = await call('execute', {
      query: 'query ($k: String) { memoryFacts(where: { key: { eq: $k } }) { edges { node { value } } } }',
      operationName: null,
      ...(variables === undefined ? {} : { variables }),
    });
    expect(isError, text).toBe(false);
    expect(JSON.parse(text)).toHaveProperty('data.memoryFacts.edges');
  });

  test.each([
    ['{"k": ', /`variables` is not valid JSON/],
    ['[1]', /variables/],
    ['"text"', /variables/],
  ])('variables that are %j are refused so that a model can mend it', async (variables, message) => {
    const { text, isError } = await call('execute', { query: '{ __typename }', variables });
    expect(isError).toBe(true);
    expect(text).toMatch(message);
    expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
  });

  // What clients were reported to send: models, PHP, proxies, polyfills of their SDKs.
  test.each([
    ['numbers as text', 'search_schema', { query: 'documents', limit: '3' }],
    ['null for what is left out', 'search_schema', { query: 'documents', limit: null }],
    ['an empty text for a number', 'search_schema', { query: 'documents', limit: '' }],
    ['arguments that nobody knows', 'search_schema', { query: 'documents', reasoning: 'to look' }],
    ['arguments as JSON text', 'search_schema', '{"query": "documents", "limit": 3}'],
    ['pages as text', 'execute', { query: '{ __typename }', offset: '0', limit: '1000' }],
    ['an empty list for no variables', 'execute', { query: '{ __typename }', variables: [] }],
    ['a number for a cursor', 'run_events', { runId: 'run_none', after: 0, first: '5' }],
  ])('%s are taken as meant', async (_, name, args) => {
    const answer = (await (await rpc(message(name, args))).json()) as { result: CallToolResult };
    expect(answer.result.isError ?? false, JSON.stringify(answer)).toBe(false);
  });

  test('an argument that is nearly one of those that there are is told, and not passed over', async () => {
    const { text, isError } = await call('recall', { query: 'editor', agent: 'agt_none' });
    expect(isError).toBe(true);
    expect(text).toContain('did you mean `agentId`?');
  });

  test.each([
    ['search', { query: 'crane', limit: 2 }, 'first'],
    ['search', { query: 'crane', top_k: 2 }, 'first'],
    ['search', { query: 'crane', k: 2 }, 'first'],
    ['search', { query: 'crane', frist: 2 }, 'first'],
    ['search', { query: 'crane', colection: 'notes' }, 'collection'],
    ['recall', { query: 'crane', agentName: 'nobody' }, 'agentId'],
    ['recall', { query: 'crane', agent_id: 'nobody' }, 'agentId'],
  ])('of %s, %j is not passed over: %s is what is meant', async (name, given, meant) => {
    const { isError, content } = await client.callTool({ name, arguments: given });
    expect(isError).toBe(true);
    expect((content as { text: string }[])[0]!.text).toContain(`did you mean \`${meant}\`?`);
  });

  test.each([
    { thought: 'to look' },
    { explanation: 'x' },
    { reason: 'y' },
    { format: 'json' },
    { language: 'en' },
    { id: 1 },
  ])('what models add of their own is passed over: %j', async (more) => {
    const { isError } = await client.callTool({ name: 'search', arguments: { query: 'crane', ...more } });
    expect(isError ?? false).toBe(false);
  });

  test.each([null, [], {}])('parameters that are %j are none', async (params) => {
    const answer = await rpc(JSON.stringify({ jsonrpc: '2.0', id: 'a', method: 'tools/list', params }));
    expect(await answer.json()).toMatchObject({ id: 'a', result: { tools: READING.map((name) => ({ name })) } });
  });

  test.each([null, '', [], undefined])('a call whose arguments are %j is told what it lacks', async (args) => {
    const answer = await rpc(message('search_schema', args));
    expect(await answer.json()).toMatchObject({
      id: 1,
      result: { isError: true, content: [{ text: expect.stringContaining('query') as string }] },
    });
  });

  test.each(['[1]', '"text"', '{"query": ', 7, ['query']])('arguments that are %j are refused', async (args) => {
    const answer = await rpc(message('search_schema', args));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      id: 1,
      error: { code: -32602, message: expect.stringMatching(/^`arguments`/) as string },
    });
  });

  test.each([
    ['tools/call', {}, '`params.name`'],
    ['tools/call', { name: 7 }, '`params.name`'],
    ['initialize', {}, '`params.protocolVersion`'],
    ['tools/list', { cursor: { a: 1 } }, '`params.cursor`'],
  ])("parameters of %s that are %j are the client's fault", async (method, params, told) => {
    const answer = await rpc(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
    expect(await answer.json()).toMatchObject({
      id: 1,
      error: { code: -32602, message: expect.stringContaining(told) as string },
    });
  });

  test('who takes event streams alone gets one', async () => {
    const answer = await rpc(message('search_schema', { query: 'documents' }), 'text/event-stream');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch('text/event-stream');
    const data = /^data: (.*)$/m.exec(await answer.text())![1]!;
    expect(JSON.parse(data)).toMatchObject({ id: 1, result: { content: [{ type: 'text' }] } });
  });

  test('a slash behind the path changes nothing', async () => {
    const answer = await fetch(`${it.url}/mcp/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: message('execute', { query: '{ __typename }' }),
    });
    expect(await answer.json()).toMatchObject({ result: { isError: false } });
  });

  test('a long answer comes in pages, which together are the answer', async () => {
    const query = '{ __schema { types { name description } } }';
    const { data } = await post(query);
    let whole = '';
    for (let offset: number | undefined = 0, pages = 0; offset !== undefined; pages++) {
      expect(pages).toBeLessThan(50);
      const result = await client.callTool({ name: 'execute', arguments: { query, offset, limit: 10_000 } });
      const [page, note] = result.content as { text: string }[] as [{ text: string }, { text: string }];
      expect(page.text.length).toBeLessThanOrEqual(10_000);
      whole += page.text;
      const next: RegExpExecArray | null = /`offset`: (\d+)/.exec(note.text);
      offset = next ? Number(next[1]) : undefined;
    }
    expect(JSON.parse(whole)).toEqual({ data });
    const bounded = await client.callTool({ name: 'execute', arguments: { query } });
    const texts = (bounded.content as { text: string }[]).map(({ text }) => text.length);
    expect(texts[0]).toBeLessThanOrEqual(40_000);
  });

  test('a tool that tells where its answer goes on goes on there, and no other tells so', async () => {
    await using other = await startTestServer({ AGENT_CAPABILITIES: 'read,write', MCP_PAGE_CHARACTERS: '1000' });
    const ask = async (
      name: string,
      args: object,
    ): Promise<{ text: string; next: string; nextOffset?: number | undefined }> => {
      const answer = await fetch(`${other.url}/agents/tools/${name}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(args),
      });
      const body = (await answer.json()) as { text?: string; next?: string; nextOffset?: number };
      return { text: body.text ?? JSON.stringify(body), next: body.next ?? '', nextOffset: body.nextOffset };
    };
    const idIn = ({ text }: { text: string }): string => /(?:ses|run|mem|doc)_[A-Za-z0-9_-]+/.exec(text)![0];
    const long = 'tide '.repeat(600);
    const sessionId = idIn(await ask('begin_session', { key: 'long' }));
    await ask('append_messages', { sessionId, messages: [{ role: 'USER', content: long }] });
    const text = Array.from({ length: 20 }, (_, index) => `${index}. The tide turns at the harbour.`).join('\n\n');
    const mutations = {
      remember: { key: 'tide', value: long },
      mutate: {
        query: `mutation ($text: String!) {
          upsertDocument(input: { source: "a", title: "Tides", mediaType: "text/plain", text: $text, waitFor: [VECTOR], timeoutMs: 20000 }) { document { id text } }
          rememberFact(input: { key: "tides", value: $text, waitFor: VECTOR, timeoutMs: 20000 }) { fact { value } }
        }`,
        variables: { text: `${text}${long}` },
      },
    };
    for (const [name, args] of Object.entries(mutations)) {
      const { next } = await ask(name, args);
      expect([name, next]).toEqual([name, expect.stringMatching(/calling again would do it again/)]);
      expect(next).not.toContain('offset');
    }
    const runId = idIn(await ask('mutate', { query: 'mutation { startRun(input: {}) { run { id } } }' }));
    await ask('mutate', {
      query: `mutation ($runId: ID!, $text: String!) { appendRunEvents(input: { runId: $runId, events: [{ type: STEP_STARTED, payload: { stepName: $text } }] }) { events { sequence } } }`,
      variables: { runId, text: long },
    });
    const query = '{ __schema { types { name } } }';
    await delivered(other);
    const asked: Record<string, object> = {
      search_schema: { query: 'documents' },
      describe: { name: 'Query' },
      validate: { query: `{ ${Array.from({ length: 40 }, (_, index) => `nothing${index}`).join(' ')} }` },
      execute: { query },
      search: { query: 'when does the tide turn' },
      recall: { query: 'tide' },
      search_messages: { query: 'tide' },
      session_context: { sessionId },
      run_events: { runId },
    };
    expect(Object.keys(asked)).toEqual(READING);
    const goOn: string[] = [];
    for (const [name, args] of Object.entries(asked)) {
      const first = await ask(name, args);
      const at = /`offset`: (\d+)/.exec(first.next)?.[1];
      expect([name, first.nextOffset]).toEqual([name, at === undefined ? undefined : Number(at)]);
      if (at === undefined) continue;
      goOn.push(name);
      const second = await ask(name, { ...args, offset: Number(at) });
      expect([name, second.next]).toEqual([name, expect.stringMatching(`^Characters ${at} to `)]);
      // Read whole, it is the answer.
      let [whole, next] = [first.text + second.text, second.next];
      for (let more; (more = /`offset`: (\d+)/.exec(next)?.[1]) !== undefined; whole += first.text) {
        Object.assign(first, await ask(name, { ...args, offset: Number(more) }));
        ({ next } = first);
      }
      if (name !== 'describe') expect(JSON.parse(whole)).toHaveProperty('data');
    }
    expect(goOn).toEqual([
      'describe',
      'execute',
      'search',
      'recall',
      'search_messages',
      'session_context',
      'run_events',
    ]);
    // What is refused is cut, and goes on nowhere.
    expect((await ask('validate', asked['validate']!)).next).toMatch(/The rest is left out/);
  });

  test('there is no session to open or to end', async () => {
    for (const method of ['GET', 'DELETE']) expect((await fetch(`${it.url}/mcp`, { method })).status).toBe(405);
  });
});
