/** Messages of the Model Context Protocol from lines to requests, and back (https://modelcontextprotocol.io/specification/2026-07-28/basic/transports). */
import type { Readable } from 'node:stream';
import { createParser } from 'eventsource-parser';
import { MCP } from './bounds.ts';

export interface BridgeOptions {
  /** Of the server's endpoint. */
  readonly url: string;
  readonly token: string | undefined;
  /** One message a line. */
  readonly input: Readable;
  /** Writes one message, which is one line. */
  readonly write: (message: string) => void;
  /** What people should know. */
  readonly tell: (line: string) => void;
}

interface Message {
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>> | null;
}

const PARSE_ERROR = -32700;
const INTERNAL_ERROR = -32603;
const PROTOCOL_VERSION = 'io.modelcontextprotocol/protocolVersion';

/** Passes messages on until the input ends, and all that were asked are answered. */
export async function bridge({ url, token, input, write, tell }: BridgeOptions): Promise<void> {
  const underWay = new Map<string, AbortController>();
  const pending = new Set<Promise<void>>();
  /** Of the handshake, where there was one. */
  let agreed: string | undefined;

  const fail = (id: Message['id'], code: number, message: string): void => {
    tell(message);
    if (id !== undefined) write(JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } }));
  };

  const pass = async (line: string, message: Message, signal: AbortSignal): Promise<void> => {
    const { id, method, params } = message;
    const meta = params?.['_meta'] as Record<string, unknown> | undefined;
    const revision = (meta?.[PROTOCOL_VERSION] as string | undefined) ?? agreed;
    const name = params?.['name'] ?? params?.['uri'] ?? params?.['taskId'];
    const answer = await fetch(url, {
      method: 'POST',
      signal,
      body: line,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(revision === undefined ? {} : { 'mcp-protocol-version': revision }),
        ...(meta?.[PROTOCOL_VERSION] === undefined || method === undefined
          ? {}
          : { 'mcp-method': method, ...(typeof name === 'string' ? { 'mcp-name': headerValue(name) } : {}) }),
      },
    });
    const type = answer.headers.get('content-type') ?? '';
    if (type.startsWith('text/event-stream')) {
      const parser = createParser({ onEvent: ({ data }) => write(data) });
      const decoder = new TextDecoder();
      for await (const piece of answer.body!) parser.feed(decoder.decode(piece as Uint8Array, { stream: true }));
      return;
    }
    const text = await answer.text();
    if (text === '') return;
    if (!text.startsWith('{"') || !text.includes('"jsonrpc"')) {
      // Refused before the protocol: by who asks, or how often.
      const { errors } = tried(text) as { errors?: readonly [{ message?: string }] };
      fail(id, INTERNAL_ERROR, errors?.[0].message ?? `${url} answers with the status ${answer.status}.`);
      return;
    }
    if (method === 'initialize')
      agreed = (tried(text) as { result?: { protocolVersion?: string } }).result?.protocolVersion;
    write(text.replaceAll('\n', ' '));
  };

  for await (const line of lines(input)) {
    if (line === undefined) {
      fail(null, PARSE_ERROR, `A message is longer than ${MCP.messageCharacters} characters.`);
      continue;
    }
    if (line.trim() === '') continue;
    const message = tried(line) as Message;
    if (message.method === 'notifications/cancelled')
      underWay.get(JSON.stringify(message.params?.['requestId']))?.abort();
    const controller = new AbortController();
    const key = JSON.stringify(message.id ?? null);
    if (message.id !== undefined) underWay.set(key, controller);
    const done = pass(line, message, controller.signal)
      .catch((error: unknown) => {
        if (controller.signal.aborted) return; // Nobody waits for it.
        const { cause } = error as { cause?: { code?: string } };
        fail(
          message.id,
          INTERNAL_ERROR,
          `${url} cannot be reached${cause?.code === undefined ? '' : ` (${cause.code})`}. Start the server (npm start), or name another with --url.`,
        );
      })
      .finally(() => {
        if (underWay.get(key) === controller) underWay.delete(key);
        pending.delete(done);
      });
    pending.add(done);
    // A handshake comes before what follows it; and nothing is read that nobody could answer yet.
    if (message.method === 'initialize') await done;
    while (pending.size >= MCP.underWay) await Promise.race(pending);
  }
  await Promise.race([Promise.all(pending), ended(MCP.patienceMs)]);
  for (const controller of underWay.values()) controller.abort();
}

/** Undefined for a line that is too long. */
async function* lines(input: Readable): AsyncGenerator<string | undefined> {
  let begun = '';
  let tooLong = false;
  input.setEncoding('utf8');
  for await (const piece of input as AsyncIterable<string>) {
    const parts = piece.split('\n');
    for (const [index, part] of parts.entries()) {
      if (begun.length + part.length > MCP.messageCharacters) tooLong = true;
      begun = tooLong ? '' : begun + part;
      if (index === parts.length - 1) continue;
      yield tooLong ? undefined : begun;
      begun = '';
      tooLong = false;
    }
  }
  if (tooLong || begun !== '') yield tooLong ? undefined : begun;
}

/** An empty object for what is not JSON: the server says what is wrong with it. */
function tried(text: string): object {
  try {
    return Object(JSON.parse(text)) as object;
  } catch {
    return {};
  }
}

/** As headers have it that hold no other letters (the protocol's form for names that are not ASCII). */
const headerValue = (name: string): string =>
  /^[\x20-\x7e]*$/.test(name) ? name : `=?base64?${Buffer.from(name).toString('base64')}?=`;

const ended = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms).unref());
