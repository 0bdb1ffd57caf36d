/**
 * One HTTP request to a subgraph and its whole answer, bounded in size and time. Written on undici's `dispatch`:
 * nothing costs less.
 */
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import type { Dispatcher } from 'undici';
import type { CodedError } from '#subgraphs/shared/errors.ts';
import { onAbort } from './abort-hooks.ts';
import { cancelled } from '../run/fetch-errors.ts';
import type { Answering } from './graphql-response.ts';
import { SubgraphFailure, tooLarge, tooLate, unreachable } from './subgraph-failure.ts';

/** What a subgraph may take and give. */
export interface ExchangeBounds extends Answering {
  /** Longest wait for a whole answer, in milliseconds. */
  timeoutMs: number;
  /** Largest answer in bytes, before and after decompression. */
  maxResponseBytes: number;
}

/** Headers of an answer, by name in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface RemoteAnswer {
  readonly status: number;
  /** The body, decompressed. */
  readonly text: string;
  /** Of the body as it came. */
  readonly bytes: number;
  readonly headers: AnswerHeaders;
}

/**
 * Sends one request. Ending `signal` ends it on the wire too.
 * @throws SubgraphFailure when there is no whole answer; CodedError `REQUEST_TIMEOUT` (or the signal's own reason) when
 *   cancelled
 */
export function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  bounds: ExchangeBounds,
  signal: AbortSignal | undefined,
): Promise<RemoteAnswer> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(cancelled(signal));
      return;
    }
    new Exchange(bounds, signal, resolve, reject).send(dispatcher, request);
  });
}

const NO_HEADERS: AnswerHeaders = {};

class Exchange implements Dispatcher.DispatchHandler {
  readonly #bounds: ExchangeBounds;
  readonly #resolve: (answer: RemoteAnswer | Promise<RemoteAnswer>) => void;
  readonly #reject: (error: CodedError) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #release: () => void;
  #controller: Dispatcher.DispatchController | undefined;
  #ended: CodedError | undefined;
  #status = 0;
  #headers = NO_HEADERS;
  #encoding: string | undefined;
  #body: Buffer | Buffer[] | undefined;
  #size = 0;

  constructor(
    bounds: ExchangeBounds,
    signal: AbortSignal | undefined,
    resolve: (answer: RemoteAnswer | Promise<RemoteAnswer>) => void,
    reject: (error: CodedError) => void,
  ) {
    this.#bounds = bounds;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => this.#end(tooLate(bounds.name, bounds.timeoutMs)), bounds.timeoutMs);
    this.#release = onAbort(signal, () => this.#end(cancelled(signal!)));
  }

  send(dispatcher: Dispatcher, request: Dispatcher.DispatchOptions): void {
    try {
      dispatcher.dispatch(request, this);
    } catch (error) {
      this.#end(unreachable(this.#bounds.name, error));
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#ended !== undefined) controller.abort(this.#ended);
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return; // Informational; the answer follows.
    this.#status = status;
    this.#headers = headers;
    const encoding = headers['content-encoding'];
    if (encoding !== undefined) this.#encoding = String(encoding).toLowerCase();
    if (Number(headers['content-length']) > this.#bounds.maxResponseBytes)
      this.#end(tooLarge(this.#bounds.name, this.#bounds.maxResponseBytes));
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > this.#bounds.maxResponseBytes)
      this.#end(tooLarge(this.#bounds.name, this.#bounds.maxResponseBytes));
    else if (this.#body === undefined) this.#body = chunk;
    else if (Array.isArray(this.#body)) this.#body.push(chunk);
    else this.#body = [this.#body, chunk];
  }

  onResponseEnd(): void {
    if (this.#ended !== undefined) return;
    const status = this.#status;
    const body =
      this.#body === undefined ? '' : Array.isArray(this.#body) ? Buffer.concat(this.#body, this.#size) : this.#body;
    if (this.#encoding === undefined || this.#encoding === 'identity' || body === '') {
      this.#settle();
      this.#resolve({ status, text: body.toString(), bytes: this.#size, headers: this.#headers });
      return;
    }
    // Still under the time-out: a little that unpacks to much takes time too.
    decompress(this.#encoding, body, this.#bounds).then(
      (text) => {
        this.#settle();
        this.#resolve({ status, text, bytes: this.#size, headers: this.#headers });
      },
      (error: SubgraphFailure) => this.#end(error),
    );
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#end(unreachable(this.#bounds.name, error));
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#release();
  }

  /** Gives up, here and on the wire. */
  #end(error: CodedError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#settle();
    this.#body = undefined;
    this.#reject(error);
    this.#controller?.abort(error);
  }
}

const unpack: Readonly<Record<string, (data: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/** Encodings that {@link exchange} understands, for `accept-encoding`. */
export const ACCEPTED_ENCODINGS = 'gzip, br';

async function decompress(encoding: string, body: Buffer, { name, maxResponseBytes }: ExchangeBounds): Promise<string> {
  const decode = Object.hasOwn(unpack, encoding) ? unpack[encoding] : undefined;
  if (decode === undefined)
    throw new SubgraphFailure(`The subgraph ${name} answered in an encoding that was not offered.`);
  try {
    return (await decode(body, { maxOutputLength: maxResponseBytes })).toString();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(name, maxResponseBytes);
    throw new SubgraphFailure(`The subgraph ${name} answered with a damaged body.`, { cause: error });
  }
}
