/** Work on what is stored that goes on behind the requests until it is done, or the server stops; the next start finds the rest. */
import { messageWithHint } from '#subgraphs/shared/errors.ts';

export interface RenewalOptions {
  /**
   * @param stopping whether it is to end: asked between its pieces, and what throws then is not told
   * @param stopped aborted then
   */
  readonly run: (stopping: () => boolean, stopped: AbortSignal) => Promise<void>;
  /** What is said where it fails, before the reason. */
  readonly failed: string;
  /** Told what an operator should know. */
  readonly log: (message: string) => void;
}

export class Renewal {
  /** Resolves in any case. */
  readonly done: Promise<void>;
  readonly #stop = new AbortController();

  constructor({ run, failed, log }: RenewalOptions) {
    this.done = run(() => this.#stop.signal.aborted, this.#stop.signal).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) log(`${failed}; the next start goes on. ${messageWithHint(error)}`);
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }
}
