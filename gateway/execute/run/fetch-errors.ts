/** Errors of subgraphs, as the client sees them: at the client's path, with a code and the subgraph's name. */
import type { GraphQLError } from 'graphql';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Failure } from '#gateway/respond/response-errors.ts';

/** What a subgraph's error is to the client, wherever that is told. What only a log may see stays in `originalError`. */
export function errorOfSubgraph(error: GraphQLError, service: string): Failure {
  const { message, nodes, originalError } = error;
  // What a subgraph has to say about its own HTTP answer (some servers obey `extensions.http`) is nothing to the
  // client's.
  const { http: _, ...extensions } = error.extensions;
  const code = extensions.code ?? 'INTERNAL_SERVER_ERROR';
  return { message, nodes, originalError, extensions: { service, ...extensions, code } };
}

/** What a fetch without an answer is to the client. */
export function errorOfFailure(failure: unknown, service: string): Failure {
  const coded = failure instanceof CodedError ? failure : undefined;
  return {
    message: coded?.message ?? `The subgraph ${service} failed.`,
    originalError: failure instanceof Error ? failure : new Error(String(failure)),
    extensions: { service, ...(coded?.extensions ?? { code: 'INTERNAL_SERVER_ERROR' }) },
  };
}

/** Why a fetch ended early: the client left, or the request's time is up. */
export function cancelled(signal: AbortSignal): CodedError {
  const reason: unknown = signal.reason;
  return reason instanceof CodedError
    ? reason
    : new CodedError('REQUEST_TIMEOUT', 'The request was ended before it was answered.', { cause: reason });
}

/** Settles as `promise` does, or rejects as soon as the signal is aborted. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return signal === undefined ? promise : new Cancellation(signal).guard(promise);
}

/** Ends many promises by one signal, at the price of one listener. */
export class Cancellation {
  readonly #signal: AbortSignal;
  readonly #guarded = new Set<(error: CodedError) => void>();
  readonly #abort = (): void => {
    for (const reject of this.#guarded) reject(cancelled(this.#signal));
  };

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Settles as `promise` does, or rejects as soon as the signal is aborted. */
  guard<T>(promise: Promise<T>): Promise<T> {
    if (this.#signal.aborted) {
      promise.catch(() => undefined); // The cancellation is what the client is told.
      return Promise.reject(cancelled(this.#signal));
    }
    return new Promise((resolve, reject) => {
      if (this.#guarded.size === 0) this.#signal.addEventListener('abort', this.#abort, { once: true });
      this.#guarded.add(reject);
      promise.then(
        (value) => {
          this.#release(reject);
          resolve(value);
        },
        (error: unknown) => {
          this.#release(reject);
          reject(error as Error);
        },
      );
    });
  }

  #release(reject: (error: CodedError) => void): void {
    this.#guarded.delete(reject);
    if (this.#guarded.size === 0) this.#signal.removeEventListener('abort', this.#abort);
  }
}
