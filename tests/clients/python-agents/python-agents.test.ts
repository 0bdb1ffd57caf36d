/**
 * The examples of examples/python-agents: LangChain's and LlamaIndex's retrievers, LangGraph with its state in runs, the OpenAI SDK. They are
 * installed by `npm run test:python` alone. No registry has the weights of a chat model: the one here is scripted.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

const python = process.env['PYTHON_AGENTS'];
const EXAMPLES = fileURLToPath(new URL('../../../examples/python-agents/', import.meta.url));
const TRIED = fileURLToPath(new URL('tried.py', import.meta.url));

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */

interface Message {
  readonly role: string;
  readonly content: string | null;
}

interface Asked {
  readonly messages: readonly Message[];
  readonly tools: readonly { readonly function: { readonly name: string } }[];
}

/** A model that searches for the last thing said to it, and then answers with what was found first. */
function scripted(asked: Asked) {
  const found = asked.messages.findLast(({ role }) => role === 'tool');
  const said = asked.messages.findLast(({ role }) => role === 'user')!;
  if (found === undefined)
    return {
      role: 'assistant',
      content: null,
      tool_calls: [
        {
          id: 'call_1',
          type: 'function',
          function: { name: 'search', arguments: JSON.stringify({ query: said.content, first: 1 }) },
        },
      ],
    };
  const { text, document } = JSON.parse(found.content!).data.search.edges[0].node;
  return { role: 'assistant', content: `${text} (${document.title})` };
}

describe.skipIf(python === undefined)('agents in Python', { timeout: 180_000 }, () => {
  let it: TestServer;
  let model: Server;
  const asked: Asked[] = [];

  const ask = async (query: string, variables: object = {}): Promise<any> => {
    const response = await fetch(`${it.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { data: any; errors?: unknown };
    expect(errors).toBeUndefined();
    return data;
  };
  const tried = async (what: string): Promise<any> => {
    const { port } = model.address() as AddressInfo;
    const { stdout } = await promisify(execFile)(python!, [TRIED, it.url, `http://127.0.0.1:${port}/v1`, what], {
      env: { ...process.env, PYTHONPATH: EXAMPLES, PYTHONDONTWRITEBYTECODE: '1', LANGSMITH_TRACING: 'false' },
    });
    return JSON.parse(stdout.trim().split('\n').at(-1)!);
  };

  beforeAll(async () => {
    it = await startTestServer();
    model = createServer((request, response) => {
      void (async () => {
        const given = (await json(request)) as Asked;
        asked.push(given);
        const message = scripted(given);
        const choice = { index: 0, message, finish_reason: message.content === null ? 'tool_calls' : 'stop' };
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify({ id: 'c', object: 'chat.completion', created: 0, model: 'scripted', choices: [choice] }),
        );
      })();
    }).listen(0, '127.0.0.1');
    await once(model, 'listening');
    const { upsertDocuments } = await ask(
      'mutation ($input: UpsertDocumentsInput!) { upsertDocuments(input: $input) { notIndexed { store } } }',
      {
        input: {
          waitFor: ['VECTOR', 'GRAPH'],
          timeoutMs: 20_000,
          documents: [
            ['Berths', 'Ships may berth at high tide, when the water is deep.', 'harbour'],
            ['Fees', 'Each ship that berths pays by its length.', 'office'],
            ['Gardens', 'Roses are pruned in March.', 'garden'],
          ].map(([title, text, name]) => ({
            title,
            source: title,
            text,
            mediaType: 'text/plain',
            entities: [{ kind: 'place', name }],
          })),
        },
      },
    );
    expect(upsertDocuments.notIndexed).toEqual([]);
  }, 120_000);
  afterAll(async () => {
    model?.close();
    await it?.[Symbol.asyncDispose]();
  });

  test('retrievers of LangChain and LlamaIndex give the best passages, narrowed by what the graph knows', async () => {
    const { found, narrowed, nodes } = await tried('retrievers');
    expect(found).toHaveLength(3);
    expect(found[0]).toEqual(['Berths', 'Ships may berth at high tide, when the water is deep.']);
    expect(narrowed).toEqual(['Berths']);
    expect(nodes).toEqual([['Berths', 'Ships may berth at high tide, when the water is deep.', expect.any(Number)]]);
  });

  test('the OpenAI SDK calls tools as functions until the model has an answer', async () => {
    const { answer, responses } = await tried('functions');
    expect(answer).toBe('Ships may berth at high tide, when the water is deep. (Berths)');
    expect(asked).toHaveLength(2);
    expect(asked[0]!.tools.map((tool) => tool.function.name)).toContain('search');
    expect(responses).toContain('search');
  });

  test('LangGraph goes on, in another process, where its run says that it was', async () => {
    const begun = await tried('begin');
    expect(begun.asks).toEqual({ found: begun.found });
    expect(begun.found[0]).toContain('high tide');
    const went = await tried('go_on');
    expect(went).toMatchObject({
      run: begun.run,
      waiting: ['approve'],
      state: { found: begun.found, approved: true },
      history: [2, 1, 0, -1],
      begun: { question: 'When may ships berth?', found: [] },
      limited: [2],
      other: null,
    });
    const { run } = await ask(
      'query ($id: ID!) { run(id: $id) { threadId status events(first: 50, types: [CUSTOM]) { nodes { ... on CustomEvent { name } } } } }',
      { id: begun.run },
    );
    expect(run).toMatchObject({ threadId: 'ship-1', status: 'RUNNING' });
    const names = run.events.nodes.map(({ name }: any) => name);
    expect(names.filter((name: string) => name === 'langgraph.checkpoint')).toHaveLength(4);
    expect(names).toContain('langgraph.writes');
    await tried('end');
    const { run: ended } = await ask('query ($id: ID!) { run(id: $id) { status } }', { id: begun.run });
    expect(ended.status).toBe('CANCELLED');
  });
});
