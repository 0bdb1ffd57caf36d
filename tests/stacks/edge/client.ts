/** A client of the edge, from an address of its own, as raw as it can be. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import WebSocket from 'ws';

export const SITE = 'tributary.example.com';

export interface Answered {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions: Record<string, unknown> }[];
}

/** The site's name leads to this machine. */
const lookup: LookupFunction = (_, options, callback) =>
  options.all === true ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4);

export interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | AsyncIterable<Buffer>;
  /** Whether the body comes as it is made, so that nobody knows before how long it is. @default false */
  readonly chunked?: boolean;
}

export class Client {
  readonly #port: number;
  readonly #ca: string;
  readonly #localAddress: string;
  readonly #headers: Readonly<Record<string, string>>;

  /**
   * @param edge where it listens, and who signed its certificate
   * @param localAddress where the client is, one of 127.0.0.0/8
   * @param headers of every request, such as a cookie
   */
  constructor(edge: { port: number; ca: string }, localAddress: string, headers: Record<string, string> = {}) {
    this.#port = edge.port;
    this.#ca = edge.ca;
    this.#localAddress = localAddress;
    this.#headers = headers;
  }

  /** Resolves with the beginning of the answer; whoever wants its body reads it. */
  async open(method: string, path: string, { headers = {}, body = '' }: Sent = {}): Promise<IncomingMessage> {
    const request = httpsRequest({
      host: SITE,
      port: this.#port,
      lookup,
      ca: this.#ca,
      agent: false,
      localAddress: this.#localAddress,
      method,
      path,
      headers: { ...this.#headers, ...headers },
    });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    answered.catch(() => undefined);
    // One who refuses need not read to the end.
    request.on('error', () => undefined);
    if (typeof body === 'string' || Buffer.isBuffer(body)) request.end(body);
    else {
      for await (const part of body) request.write(part);
      request.end();
    }
    const [response] = await answered;
    return response;
  }

  async text(method: string, path: string, sent?: Sent): Promise<{ status: number; location?: string; text: string }> {
    const response = await this.open(method, path, sent);
    let text = '';
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
    const { location } = response.headers;
    return { status: response.statusCode!, text, ...(location !== undefined && { location }) };
  }

  /** Asks by POST. */
  async ask(query: string, variables: object = {}, headers: Record<string, string> = {}): Promise<Answered> {
    const { text } = await this.text('POST', '/graphql', {
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query, variables }),
    });
    return JSON.parse(text) as Answered;
  }

  /** Begins a subscription whose answer is `accept`, and gives what comes, as it comes. */
  async stream(query: string, variables: object, accept: string): Promise<Stream> {
    const response = await this.open('POST', '/graphql', {
      headers: { 'content-type': 'application/json', accept, 'accept-encoding': 'gzip' },
      body: JSON.stringify({ query, variables }),
    });
    return new Stream(response);
  }

  /** A stream of what is not GraphQL. */
  async get(path: string, headers: Record<string, string> = {}): Promise<Stream> {
    return new Stream(await this.open('GET', path, { headers }));
  }

  /** A WebSocket of graphql-transport-ws that was let in. */
  async socket(headers: Record<string, string> = {}): Promise<Socket> {
    const socket = new WebSocket(`wss://${SITE}:${this.#port}/graphql`, 'graphql-transport-ws', {
      lookup,
      ca: this.#ca,
      localAddress: this.#localAddress,
      headers: { ...this.#headers, ...headers },
    });
    const it = new Socket(socket);
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init' }));
    await it.until((messages) => messages.some(({ type }) => type === 'connection_ack'));
    return it;
  }
}

/** What was read so far, and how it ended. */
export class Stream implements AsyncDisposable {
  readonly response: IncomingMessage;
  text = '';
  /** `end` where it was said that this is all, `cut` where it was not; undefined while it goes on. */
  ended: 'end' | 'cut' | undefined;
  #changed = (): void => undefined;

  constructor(response: IncomingMessage) {
    this.response = response;
    const changed = (): void => this.#changed();
    response.setEncoding('utf8').on('data', (chunk: string) => {
      this.text += chunk;
      changed();
    });
    response.on('error', () => undefined);
    response.once('end', () => {
      this.ended ??= 'end';
      changed();
    });
    response.once('close', () => {
      this.ended ??= 'cut';
      changed();
    });
  }

  /** Waits until what was read has it; rejects when the stream ends before. */
  async until(has: (stream: this) => boolean): Promise<void> {
    while (!has(this)) {
      if (this.ended !== undefined) throw new Error(`The stream ended (${this.ended}): ${this.text}`);
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.response.destroy();
    if (!this.response.closed) await once(this.response, 'close');
  }
}

export interface Message {
  readonly id?: string;
  readonly type: string;
  readonly payload?: Answered;
}

export class Socket implements AsyncDisposable {
  readonly socket: WebSocket;
  readonly messages: Message[] = [];
  /** The code with which it was closed. */
  closed: number | undefined;
  #changed = (): void => undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      this.messages.push(JSON.parse(data.toString()) as Message);
      this.#changed();
    });
    socket.on('close', (code) => {
      this.closed = code;
      this.#changed();
    });
    socket.on('error', () => undefined);
  }

  subscribe(id: string, query: string, variables: object = {}): void {
    this.socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables } }));
  }

  /** Waits until the messages have it; rejects when the socket is closed before. */
  async until(has: (messages: readonly Message[]) => boolean): Promise<void> {
    while (!has(this.messages)) {
      if (this.closed !== undefined) throw new Error(`The socket was closed: ${this.closed}`);
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }

  /** Waits for its end. */
  async end(): Promise<number> {
    while (this.closed === undefined) await new Promise<void>((resolve) => (this.#changed = resolve));
    return this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
    await this.end();
  }
}
