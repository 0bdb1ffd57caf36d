/**
 * What has been started is ended in the opposite order: at shutdown, and when a later step of the start fails. A step
 * that fails is told and does not keep the others from ending.
 */
export class Endings {
  readonly #steps: (() => Promise<unknown>)[] = [];
  readonly #onError: (error: unknown) => void;
  #closing: Promise<void> | undefined;

  /** @param onError told of each step that fails */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Whether {@link close} was called. */
  get begun(): boolean {
    return this.#closing !== undefined;
  }

  /** Remembers how to end what was just started; where everything has ended already, it is ended at once. */
  add(end: () => Promise<unknown>): void {
    this.#steps.push(end);
    // What is closing takes it up; what has closed must be told.
    if (this.#closing !== undefined) this.#closing = this.#closing.then(() => this.#end());
  }

  /** Ends everything. Idempotent; never rejects. */
  async close(): Promise<void> {
    this.#closing ??= this.#end();
    await this.#closing;
  }

  async #end(): Promise<void> {
    for (let end = this.#steps.pop(); end !== undefined; end = this.#steps.pop()) {
      try {
        await end();
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
