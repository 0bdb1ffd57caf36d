/** Work on what is stored that goes on behind the requests until it is done, or the server stops; the next start finds the rest. */
import { messageWithHint } from '#subgraphs/shared/errors.ts';

export interface RenewalOptions {
  /** @param stopping whether it is to end: asked between its pieces, and what throws then is not told */
  readonly run: (stopping: () => boolean) => Promise<void>;
  /** What is said where it fails, before the reason. */
  readonly failed: string;
  /** Told what an operator should know. */
  readonly log: (message: string) => void;
}

export class Renewal {
  /** Resolves in any case. */
  readonly done: Promise<void>;
  #closing = false;

  constructor({ run, failed, log }: RenewalOptions) {
    this.done = run(() => this.#closing).catch((error: unknown) => {
      if (!this.#closing) log(`${failed}; the next start goes on. ${messageWithHint(error)}`);
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.done;
  }
}
