/** Sends a case to the server, and waits for what comes of it. */
import { once } from 'node:events';
import { request as httpRequest, Agent, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import WebSocket from 'ws';
import type { Case, HttpCase, OperationCase, Outcome, RawCase, Says, SocketCase } from './case.ts';
import { requestText } from './make-case.ts';

/** Whom requests go to, and as whom. */
export interface Addressee {
  readonly url: string;
  /** Values of `Authorization`. */
  readonly tokens: Readonly<Record<Exclude<Says, 'nobody'>, string>>;
  /** Ids that the store holds. */
  readonly ids: readonly string[];
}

/** Nothing of ours may take longer; the server's own limit is half of it. */
const PATIENCE_MS = 60_000;
/** How long messages that may have no answer are waited for. */
const LINGER_MS = 150;

const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends it with the ids that the store has. */
export async function send(asked: Case, to: Addressee): Promise<Outcome> {
  const started = performance.now();
  const known = JSON.parse(
    JSON.stringify(asked).replace(/%id:(\d+)%/g, (_, number) => to.ids[Number(number) % to.ids.length]!),
  ) as Case;
  const outcome = await sent(known, to);
  return { ...outcome, bytes: Buffer.byteLength(outcome.text), ms: performance.now() - started };
}

type Got = Omit<Outcome, 'bytes' | 'ms'>;

async function sent(asked: Case, to: Addressee): Promise<Got> {
  switch (asked.kind) {
    case 'operation':
      return asked.way === 'WebSocket' ? await overSocket(asked, to) : await overHttp(httpOf(asked), to, asked);
    case 'http':
      return await overHttp(asked, to);
    case 'socket':
      return await onSocket(asked, to);
    case 'raw':
      return await raw(asked, to);
  }
}

/** The request by which an operation comes in. */
function httpOf(asked: OperationCase): HttpCase {
  const text = requestText(asked);
  const post = (accept: string, body = text, path = '/graphql'): HttpCase => ({
    kind: 'http',
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json', accept },
    body,
    says: asked.says,
  });
  switch (asked.way) {
    case 'GET': {
      const parameters = new URLSearchParams({ query: asked.query });
      if (asked.variables !== undefined) parameters.set('variables', asked.variables);
      if (asked.operationName !== undefined) parameters.set('operationName', asked.operationName);
      if (asked.extensions !== undefined) parameters.set('extensions', asked.extensions);
      const path = `/graphql?${parameters}`;
      // Node takes 16 KB of heads; longer ones are answered before anything of ours reads them.
      if (path.length > 14_000) return post('application/json');
      return { kind: 'http', method: 'GET', path, headers: { accept: 'application/json' }, says: asked.says };
    }
    case 'events':
      return post('text/event-stream');
    case 'multipart':
      return post('multipart/mixed;deferSpec=20220824, application/json');
    case 'batch':
      return post('application/json', `[${text},{"query":"{__typename}"},${text}]`);
    case 'MCP': {
      const variables = asked.variables === undefined ? '' : `,"variables":${asked.variables}`;
      const call = `{"name":"execute","arguments":{"query":${JSON.stringify(asked.query)}${variables}}}`;
      return post(
        'application/json, text/event-stream',
        `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${call}}`,
        '/mcp',
      );
    }
    case 'upload': {
      const part = (name: string, body: string, file = ''): string =>
        `--fuzz\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${body}\r\n`;
      const body = `${part('operations', requestText({ ...asked, variables: '{"v0":null}' }))}${part('map', '{"0":["variables.v0"]}')}${part('0', 'x'.repeat(5_000), '; filename="../a\\"b"')}--fuzz--\r\n`;
      const { headers, ...request } = post('application/json', body);
      return {
        ...request,
        headers: { ...headers, 'content-type': 'multipart/form-data; boundary=fuzz', 'apollo-require-preflight': '1' },
      };
    }
    default:
      return post('application/json');
  }
}

const authorization = (says: Says, { tokens }: Addressee): Record<string, string> =>
  says === 'nobody' ? {} : { authorization: tokens[says] };

async function overHttp(
  request: HttpCase,
  to: Addressee,
  asked: Pick<OperationCase, 'leavesAfterMs' | 'readsSlowly'> = {},
): Promise<Got> {
  const first = await overHttpOnce(request, to, asked);
  // A connection that was kept may be closed by the server while it is used again: then clients ask again, once, and on
  // a new one, since others that were kept may have been closed as well.
  const isStale = first.wasReused && ['ECONNRESET', 'EPIPE'].includes(first.got.broken ?? '');
  return isStale ? (await overHttpOnce(request, to, asked, false)).got : first.got;
}

async function overHttpOnce(
  { method, path, headers, body, says }: HttpCase,
  to: Addressee,
  { leavesAfterMs, readsSlowly = false }: Pick<OperationCase, 'leavesAfterMs' | 'readsSlowly'>,
  by: Agent | false = agent,
): Promise<{ got: Got; wasReused: boolean }> {
  const all = { host: new URL(to.url).host, ...authorization(says, to), ...headers };
  const clean = Object.fromEntries(
    Object.entries(all).map(([name, value]) => [name, Buffer.from(value).toString('latin1')]),
  );
  const target = new URL(to.url);
  const request = httpRequest({ host: target.hostname, port: target.port, path, method, headers: clean, agent: by });
  let why: 'left' | 'patience' | undefined;
  const leave = (reason: 'left' | 'patience', ms: number) =>
    setTimeout(() => {
      why = reason;
      request.destroy(new Error(reason));
    }, ms);
  const timers = [
    leave('patience', PATIENCE_MS),
    ...(leavesAfterMs === undefined ? [] : [leave('left', leavesAfterMs)]),
  ];
  let [text, status] = ['', undefined as number | undefined];
  try {
    request.end(body);
    const [response] = (await Promise.race([
      once(request, 'response'),
      once(request, 'upgrade').then(([upgraded, socket]) => [upgraded, (socket as { destroy(): void }).destroy()]),
    ])) as [IncomingMessage];
    status = response.statusCode!;
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        if (readsSlowly && chunks.length < 40) await delay(25);
      }
    } finally {
      text = Buffer.concat(chunks).toString('utf8');
    }
    return { got: { status, text }, wasReused: false };
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const got = { ...(status !== undefined && { status }), text };
    const broken = why === 'left' ? undefined : (why ?? code ?? message);
    return {
      got: broken === undefined ? got : { ...got, broken },
      wasReused: request.reusedSocket && status === undefined,
    };
  } finally {
    timers.forEach((timer) => clearTimeout(timer));
  }
}

function open(to: Addressee, protocols: readonly string[], says: Says): WebSocket {
  const socket = new WebSocket(`${to.url.replace(/^http/, 'ws')}/graphql`, [...protocols], {
    headers: authorization(says, to),
    handshakeTimeout: PATIENCE_MS,
  });
  return socket;
}

/** Resolves with the status when it is not let in. */
const opened = (socket: WebSocket): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    socket.once('open', () => resolve(undefined));
    socket.once('unexpected-response', (_, response) => {
      response.resume();
      socket.terminate();
      resolve(response.statusCode!);
    });
    socket.once('error', reject);
  });

async function overSocket(asked: OperationCase, to: Addressee): Promise<Got> {
  const socket = open(to, ['graphql-transport-ws'], asked.says);
  const texts: string[] = [];
  try {
    const status = await opened(socket);
    if (status !== undefined) return { status, text: '' };
    socket.on('error', () => undefined);
    const ended = new Promise<Got>((resolve) => {
      const end = (more: Partial<Got>): void => resolve({ text: texts.join('\n'), ...more });
      socket.on('message', (data: Buffer) => {
        const text = String(data);
        texts.push(text);
        if (
          /"type":"(complete|error)"/.test(text.slice(0, 60)) ||
          /"type":"(complete|error)"\}?$/.test(text.slice(-40))
        )
          end({});
      });
      socket.on('close', (code) => end({ closeCode: code }));
      const timer = setTimeout(() => end({ broken: 'patience' }), PATIENCE_MS);
      socket.once('close', () => clearTimeout(timer));
      if (asked.leavesAfterMs !== undefined) setTimeout(() => end({}), asked.leavesAfterMs + 50);
    });
    socket.once('message', () => socket.send(`{"type":"subscribe","id":"1","payload":${requestText(asked)}}`));
    socket.send('{"type":"connection_init"}');
    if (asked.readsSlowly) {
      socket.pause();
      await delay(300);
      socket.resume();
    }
    return await ended;
  } catch (error) {
    return { text: texts.join('\n'), broken: (error as NodeJS.ErrnoException).code ?? (error as Error).message };
  } finally {
    socket.on('error', () => undefined);
    socket.terminate();
  }
}

async function onSocket(
  { protocols, messages, awaits, isBinary, vanishes, says }: SocketCase,
  to: Addressee,
): Promise<Got> {
  const socket = open(to, protocols, says);
  const texts: string[] = [];
  try {
    const status = await opened(socket);
    if (status !== undefined) return { status, text: '' };
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => texts.push(String(data)));
    const closed = once(socket, 'close').then(([code]) => code as number);
    for (const [index, message] of messages.entries()) {
      socket.send(message, { binary: isBinary ?? false });
      if (index === 0 && awaits) await Promise.race([once(socket, 'message'), closed, delay(LINGER_MS)]);
    }
    const closeCode = await Promise.race([closed, delay(LINGER_MS).then(() => undefined)]);
    if (closeCode !== undefined || vanishes)
      return { text: texts.join('\n'), ...(closeCode !== undefined && { closeCode }) };
    socket.close();
    const last = await Promise.race([closed, delay(PATIENCE_MS).then(() => 'patience' as const)]);
    return last === 'patience' ? { text: texts.join('\n'), broken: last } : { text: texts.join('\n'), closeCode: last };
  } catch (error) {
    // What the server refuses to speak (a subprotocol) ends the handshake.
    const isRefusal = /subprotocol/i.test((error as Error).message);
    return {
      text: texts.join('\n'),
      ...(!isRefusal && { broken: (error as NodeJS.ErrnoException).code ?? (error as Error).message }),
    };
  } finally {
    socket.on('error', () => undefined);
    socket.terminate();
  }
}

/** What is not HTTP may be cut without an answer. */
async function raw({ parts }: RawCase, to: Addressee): Promise<Got> {
  const { hostname, port } = new URL(to.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  for (const part of parts) {
    if (socket.destroyed) break;
    socket.write(part, 'latin1');
    await delay(1);
  }
  await Promise.race([closed, delay(LINGER_MS)]);
  socket.destroy();
  const status = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];
  return { ...(status !== undefined && { status: Number(status) }), text };
}
