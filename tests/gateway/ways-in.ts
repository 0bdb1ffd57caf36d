/** Every way for an operation to come in, as raw as it can be: what is measured is what the server sends. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import WebSocket from 'ws';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { GraphqlAnswer } from './fixture.ts';

/** All that was sent, and the answer in it: the first error that was told, wherever it was. */
export interface WayIn {
  readonly bytes: number;
  readonly text: string;
  readonly answer: GraphqlAnswer;
}

/** What says who asks: an `authorization`, or headers as a proxy sends them (over a WebSocket, of the upgrade). */
export type Says = string | Readonly<Record<string, string>>;

/** Sends one operation, as whoever `says` says (nobody when it is absent). */
export type Send = (url: string, parameters: Parameters, says?: Says) => Promise<WayIn>;

export interface Parameters {
  query: string;
  variables?: Record<string, unknown>;
  extensions?: Record<string, unknown>;
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  return text;
}

/** One HTTP request with a body of any kind. */
export async function http(
  url: string,
  path: string,
  method: string,
  headers: Record<string, string>,
  body?: string,
): Promise<{ status: number; text: string }> {
  const request = httpRequest(`${url}${path}`, { method, headers });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode!, text: await bodyOf(response) };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const as = (says: Says | undefined): Readonly<Record<string, string>> =>
  typeof says === 'string' ? { authorization: says } : (says ?? {});
const wayIn = (text: string, answer: GraphqlAnswer): WayIn => ({ bytes: Buffer.byteLength(text), text, answer });
const whole = (text: string): WayIn => wayIn(text, JSON.parse(text) as GraphqlAnswer);

/** The first of several messages that has errors, else the first. */
const telling = (messages: GraphqlAnswer[]): GraphqlAnswer => {
  const errorsOf = ({ errors, incremental }: GraphqlAnswer) =>
    errors ?? (incremental as GraphqlAnswer[] | undefined)?.find((part) => part.errors !== undefined)?.errors;
  const found = messages.find((message) => errorsOf(message) !== undefined);
  return found === undefined ? messages[0]! : { ...found, errors: errorsOf(found) };
};

/** The ways of agents: they take no extensions, and long answers come in pages. */
export const AGENT_WAYS: readonly string[] = ['MCP', 'function calling'];

export const WAYS_IN: Readonly<Record<string, Send>> = {
  POST: async (url, parameters, says) => {
    const headers = { ...JSON_TYPE, ...as(says) };
    return whole((await http(url, '/graphql', 'POST', headers, writeJson(parameters))).text);
  },

  GET: async (url, parameters, says) => {
    const headers = { accept: 'application/json', ...as(says) };
    return whole((await http(url, pathOf(parameters), 'GET', headers)).text);
  },

  'server-sent events': async (url, parameters, says) => {
    const headers = { ...JSON_TYPE, accept: 'text/event-stream', ...as(says) };
    const { text } = await http(url, '/graphql', 'POST', headers, writeJson(parameters));
    // A request that cannot be read is not answered with events.
    if (text.startsWith('{')) return whole(text);
    if (!text.includes('event: complete')) throw new Error(`The stream was cut: ${text.slice(0, 1_000)}`);
    const messages = [...text.matchAll(/event: next\ndata: (.*)\n\n/g)].map(([, json]) => JSON.parse(json!));
    return wayIn(text, telling(messages as GraphqlAnswer[]));
  },

  multipart: async (url, parameters, says) => {
    const headers = { ...JSON_TYPE, accept: 'multipart/mixed, application/json', ...as(says) };
    const { text } = await http(url, '/graphql', 'POST', headers, writeJson(parameters));
    if (!text.startsWith('\r\n--') && !text.startsWith('--')) return whole(text);
    if (!/--\r\n$/.test(text)) throw new Error(`The stream was cut: ${text.slice(-1_000)}`);
    const messages = text.split(/\r\n---?/).flatMap((part) => {
      const body = part.split('\r\n\r\n')[1];
      return body === undefined ? [] : [JSON.parse(body) as GraphqlAnswer];
    });
    return wayIn(text, telling(messages));
  },

  WebSocket: async (url, parameters, says) => {
    await using socket = await openSocket(url, says);
    return await socket.ask(parameters);
  },

  'one event stream': async (url, parameters, says) => {
    await using stream = await openEventStream(url, says);
    return await stream.ask(parameters);
  },

  MCP: async (url, parameters, says) => {
    const { text } = await mcp(url, mcpExecute(1, parameters), says);
    const { result, error } = JSON.parse(text) as {
      result?: { content: { text: string }[] };
      error?: { message: string };
    };
    if (result === undefined) throw new Error(error?.message ?? text);
    const [first] = result.content;
    // A longer answer comes in pages.
    const isWhole = first!.text.endsWith('}');
    return wayIn(text, isWhole ? (JSON.parse(first!.text) as GraphqlAnswer) : { data: first!.text });
  },

  'function calling': async (url, { query, variables }, says) => {
    const headers = { ...JSON_TYPE, ...as(says) };
    const { text } = await http(url, '/agents/tools/execute', 'POST', headers, writeJson({ query, variables }));
    const answer = JSON.parse(text) as GraphqlAnswer & { text?: string };
    return wayIn(text, answer.text === undefined ? answer : { data: answer.text });
  },
};

const pathOf = ({ query, variables, extensions }: Parameters): string => {
  const json = { variables: writeJson(variables ?? {}), extensions: writeJson(extensions ?? {}) };
  return `/graphql?${new URLSearchParams({ query, ...json }).toString()}`;
};

/** Sends an operation and gives what goes away in the middle of it, without a word. */
export type Leave = (url: string, parameters: Parameters, says?: Says) => Promise<() => void>;

const leaving =
  (method: 'GET' | 'POST', accept: string, to: (parameters: Parameters) => { path: string; body?: string }): Leave =>
  (url, parameters, says) => {
    const { path, body } = to(parameters);
    const request = httpRequest(`${url}${path}`, { method, headers: { ...JSON_TYPE, accept, ...as(says) } });
    request.on('error', () => undefined);
    request.end(body);
    return Promise.resolve(() => void request.destroy());
  };
const toGraphql = (parameters: Parameters) => ({ path: '/graphql', body: writeJson(parameters) });

/** The same ways, by clients that do not wait for the answer. */
export const LEAVING: Readonly<Record<string, Leave>> = {
  POST: leaving('POST', 'application/json', toGraphql),
  GET: leaving('GET', 'application/json', (parameters) => ({ path: pathOf(parameters) })),
  'server-sent events': leaving('POST', 'text/event-stream', toGraphql),
  multipart: leaving('POST', 'multipart/mixed, application/json', toGraphql),
  WebSocket: async (url, parameters, says) => {
    const { socket, ask } = await openSocket(url, says);
    ask(parameters).catch(() => undefined);
    return () => void socket.terminate();
  },
  'one event stream': async (url, parameters, says) => {
    const { response, ask } = await openEventStream(url, says);
    ask(parameters).catch(() => undefined);
    return () => void response.destroy();
  },
  MCP: leaving('POST', 'application/json, text/event-stream', (parameters) => ({
    path: '/mcp',
    body: writeJson(mcpExecute(1, parameters)),
  })),
  'function calling': leaving('POST', 'application/json', ({ query, variables }) => ({
    path: '/agents/tools/execute',
    body: writeJson({ query, variables }),
  })),
};

/** A JSON-RPC message that runs an operation. */
export const mcpExecute = (id: number, { query, variables }: Parameters): object => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'execute', arguments: { query, ...(variables === undefined ? {} : { variables }) } },
});

/** Sends messages to the MCP endpoint. */
export const mcp = (url: string, body: unknown, says?: Says): Promise<{ status: number; text: string }> =>
  http(
    url,
    '/mcp',
    'POST',
    { ...JSON_TYPE, accept: 'application/json, text/event-stream', ...as(says) },
    typeof body === 'string' ? body : writeJson(body),
  );

export interface TestSocket extends AsyncDisposable {
  readonly socket: WebSocket;
  /** Runs a query and gives its answer; throws when the socket is closed instead. */
  ask(parameters: Parameters): Promise<WayIn>;
}

/** A WebSocket on which operations can be asked side by side. */
export async function openSocket(url: string, says?: Says): Promise<TestSocket> {
  const headers = typeof says === 'string' ? {} : says;
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws', { headers });
  await once(socket, 'open');
  socket.send(writeJson({ type: 'connection_init', payload: typeof says === 'string' ? as(says) : {} }));
  await Promise.race([
    once(socket, 'message'),
    once(socket, 'close').then(([code, reason]) => {
      throw new Error(`The socket was closed: ${code} ${String(reason)}`);
    }),
  ]);
  let next = 0;
  return {
    socket,
    ask: (parameters) =>
      new Promise((resolve, reject) => {
        const id = String(next++);
        let text = '';
        let answer: GraphqlAnswer | undefined;
        socket.on('message', (data: Buffer) => {
          const message = JSON.parse(String(data)) as { id?: string; type: string; payload?: unknown };
          if (message.id !== id) return;
          text += String(data);
          if (message.type === 'next') answer ??= message.payload as GraphqlAnswer;
          if (message.type === 'error') resolve(wayIn(text, { errors: message.payload as GraphqlAnswer['errors'] }));
          if (message.type === 'complete') resolve(wayIn(text, answer!));
        });
        socket.on('close', (code, reason) => reject(new Error(`The socket was closed: ${code} ${String(reason)}`)));
        socket.send(writeJson({ id, type: 'subscribe', payload: parameters }));
      }),
    [Symbol.asyncDispose]: async () => {
      socket.close();
      if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close');
    },
  };
}

export interface TestEventStream extends AsyncDisposable {
  readonly token: string;
  readonly response: IncomingMessage;
  /** Runs an operation and gives its answer; throws when the stream is closed instead. */
  ask(parameters: Parameters): Promise<WayIn>;
}

/** An event stream on which operations can be asked side by side. */
export async function openEventStream(url: string, says?: Says): Promise<TestEventStream> {
  const reserved = await http(url, '/graphql', 'PUT', as(says));
  if (reserved.status !== 201) throw new Error(`No event stream was reserved: ${reserved.status} ${reserved.text}`);
  const token = reserved.text;
  const headers = { ...as(says), 'x-graphql-event-stream-token': token };
  const request = httpRequest(`${url}/graphql`, { headers: { ...headers, accept: 'text/event-stream' } });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`The event stream was refused: ${response.statusCode}`);
  const closed = new Promise<never>((_, reject) =>
    response.once('close', () => reject(new Error('The event stream was closed.'))),
  );
  closed.catch(() => undefined);
  const listeners = new Map<string, (event: string, text: string) => void>();
  let rest = '';
  response.on('error', () => undefined);
  response.setEncoding('utf8').on('data', (chunk: string) => {
    const events = (rest + chunk).split('\n\n');
    rest = events.pop()!;
    for (const text of events) {
      const [, event, json] = /^event: (\w+)\ndata: (.*)$/.exec(text) ?? [];
      if (event !== undefined) listeners.get((JSON.parse(json!) as { id: string }).id)?.(event, json!);
    }
  });
  let next = 0;
  return {
    token,
    response,
    async ask(parameters) {
      const operationId = String(next++);
      let sent = '';
      const messages: GraphqlAnswer[] = [];
      const answer = new Promise<WayIn>((resolve) =>
        listeners.set(operationId, (event, text) => {
          sent += text;
          if (event === 'complete') resolve(wayIn(sent, telling(messages)));
          else messages.push((JSON.parse(text) as { payload: GraphqlAnswer }).payload);
        }),
      );
      const body = writeJson({ ...parameters, extensions: { ...parameters.extensions, operationId } });
      const { status, text } = await http(url, '/graphql', 'POST', { ...JSON_TYPE, ...headers }, body);
      return status === 202 ? await Promise.race([answer, closed]) : whole(text);
    },
    [Symbol.asyncDispose]: async () => {
      response.destroy();
      if (!response.closed) await once(response, 'close');
    },
  };
}
