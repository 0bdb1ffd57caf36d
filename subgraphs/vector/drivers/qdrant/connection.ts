/**
 * The way to a Qdrant server: its address, its key, its version, how long to wait and when to ask again. The client takes
 * no signals, so a caller who has gone is let go here.
 */
import { setTimeout as delay } from 'node:timers/promises';

import { QdrantClient } from '@qdrant/js-client-rest';

import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { reveal, type Secret } from '#subgraphs/shared/secret.ts';
import { VECTOR } from '../../bounds.ts';
import { checkQdrantVersion, toQdrantError } from './errors.ts';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

export interface QdrantOptions {
  /** Where the server is. Without a port it is the scheme's own, 80 or 443, not Qdrant's 6333. */
  readonly url: string;
  readonly apiKey?: Secret | undefined;
  /** Longest time for one request, in milliseconds. @default `VECTOR.qdrantTimeoutMs` */
  readonly timeoutMs?: number | undefined;
  /** Longest request that writes, in bytes. @default `VECTOR.qdrantBatchBytes` */
  readonly batchBytes?: number | undefined;
  /** Told what an operator should know. @default nobody */
  readonly log?: ((message: string) => void) | undefined;
}

export class QdrantConnection {
  readonly #options: QdrantOptions;
  #made: QdrantClient | undefined;
  /** The key that it was made with. */
  #key: string | undefined;
  #checked = false;
  #warned = false;

  constructor(options: QdrantOptions) {
    this.#options = options;
  }

  /** The longest request that writes, in bytes. */
  get batchBytes(): number {
    return this.#options.batchBytes ?? VECTOR.qdrantBatchBytes;
  }

  /**
   * Asks the server, within the request's time; once more where it said that it will have time soon.
   * @param collection for the sentences of errors
   * @throws CodedError
   */
  async call<T>(context: RequestContext, collection: string, ask: (client: QdrantClient) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      context.signal?.throwIfAborted();
      try {
        return await context.statements.timed('qdrant', () => untilAborted(this.ask(collection, ask), context.signal));
      } catch (error) {
        // Nothing was done, so that every request may be sent again; longer waits are the caller's to decide about.
        const seconds =
          error instanceof CodedError && error.code === 'RATE_LIMITED'
            ? Number(error.extensions['retryAfterSeconds'])
            : NaN;
        if (attempt > 1 || !(seconds <= VECTOR.qdrantWaitSeconds)) throw error;
        await untilAborted(delay(seconds * 1_000), context.signal);
      }
    }
  }

  /** Asks the server for nobody's request. @throws CodedError */
  async ask<T>(collection: string, ask: (client: QdrantClient) => Promise<T>): Promise<T> {
    try {
      const client = this.#client;
      if (!this.#checked) checkQdrantVersion((await client.versionInfo()).version);
      this.#checked = true;
      return await ask(client);
    } catch (error) {
      throw toQdrantError(error, collection, this.#options.url);
    }
  }

  close(): void {
    this.#made = undefined; // The client keeps its idle connections to itself; they end with their keep-alive.
  }

  get #client(): QdrantClient {
    const apiKey = reveal(this.#options.apiKey);
    if (this.#made === undefined || apiKey !== this.#key) {
      this.#key = apiKey;
      const { protocol, hostname, pathname } = new URL(this.#options.url);
      if (apiKey !== undefined && protocol === 'http:' && !LOOPBACK.test(hostname) && !this.#warned) {
        this.#warned = true;
        this.#options.log?.(
          'QDRANT_URL is not https: the key, texts and vectors travel as anybody on the way can read.',
        );
      }
      this.#made = new QdrantClient({
        url: `${protocol}//${hostname}`,
        // The client would make 6333 of the port that its scheme has anyway, which `URL` leaves out.
        port: portOf(this.#options.url),
        ...(pathname === '/' ? {} : { prefix: pathname.replace(/\/$/, '') }),
        // Not as `apiKey`: of that the client warns on standard output, where logs are JSON.
        ...(apiKey === undefined ? {} : { headers: { 'api-key': apiKey } }),
        timeout: this.#options.timeoutMs ?? VECTOR.qdrantTimeoutMs,
        checkCompatibility: false,
      });
    }
    return this.#made;
  }
}

/** The port of an http or https URL, the scheme's own where it names none. */
export function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

/** The client takes no signals: the caller goes on, and the request ends by itself or by its time-out. */
async function untilAborted<T>(request: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await request;
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () =>
      reject(
        signal.reason instanceof CodedError
          ? signal.reason
          : new CodedError('REQUEST_TIMEOUT', 'The request ended before Qdrant had answered.', {
              cause: signal.reason,
              hint: 'Ask for less, or check the server at QDRANT_URL.',
            }),
      );
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  request.catch(() => undefined); // Heard by nobody when the signal came first.
  try {
    return await Promise.race([request, aborted]);
  } finally {
    signal.removeEventListener('abort', abort!);
  }
}
