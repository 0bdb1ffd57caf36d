/** The time that an operation has. */
import { setMaxListeners } from 'node:events';
import { CodedError } from '#subgraphs/shared/errors.ts';

/** The client's signal, and a time limit that can be lifted once a stream has opened. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #client: AbortSignal;
  readonly #onAbort = (): void => this.#controller.abort(this.#client.reason);
  #timer: NodeJS.Timeout | undefined;

  constructor(client: AbortSignal, ms: number) {
    this.#client = client;
    setMaxListeners(0, this.#controller.signal); // Fetches that run side by side all listen.
    if (client.aborted) this.#onAbort();
    else client.addEventListener('abort', this.#onAbort, { once: true });
    this.#timer = setTimeout(() => {
      this.#controller.abort(
        new CodedError('REQUEST_TIMEOUT', `The operation took longer than ${ms} ms.`, {
          hint: 'Ask for less, or use a subscription.',
        }),
      );
    }, ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends what is under way. */
  abort(error: CodedError): void {
    this.#controller.abort(error);
  }

  lift(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    this.lift();
    this.#client.removeEventListener('abort', this.#onAbort);
  }
}
