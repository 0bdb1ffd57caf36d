/** Readers that are there while somebody follows them: one for each key, and a poll while there are any. */

export interface FollowedReader {
  /** Why it gave up; its followers are being told. */
  readonly failure?: unknown;
  /** Nobody follows it any more. */
  end(): void;
}

export class FollowedReaders<Reader extends FollowedReader> {
  readonly #readers = new Map<string, { readonly reader: Reader; followers: number }>();
  readonly #poll: () => void;
  readonly #pollMs: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param poll called every `pollMs` while there are readers */
  constructor(poll: () => void, pollMs: number) {
    this.#poll = poll;
    this.#pollMs = pollMs;
  }

  get size(): number {
    return this.#readers.size;
  }

  get(key: string): Reader | undefined {
    return this.#readers.get(key)?.reader;
  }

  *[Symbol.iterator](): IterableIterator<Reader> {
    for (const { reader } of this.#readers.values()) yield reader;
  }

  /** Follows the key's reader, made where there is none. @returns it, with what ends this following; call it once */
  attach(key: string, make: () => Reader): { reader: Reader; detach: () => void } {
    let entry = this.#readers.get(key);
    // A reader that gave up is not joined: its followers are being told.
    if (entry === undefined || entry.reader.failure) {
      entry = { reader: make(), followers: 0 };
      this.#readers.set(key, entry);
    }
    entry.followers += 1;
    this.#timer ??= setInterval(this.#poll, this.#pollMs).unref();
    const attached = entry;
    const detach = (): void => {
      attached.followers -= 1;
      if (attached.followers > 0) return;
      attached.reader.end();
      if (this.#readers.get(key) === attached) this.#readers.delete(key);
      if (this.#readers.size === 0) this.close();
    };
    return { reader: attached.reader, detach };
  }

  /** Ends the poll; the next follower begins it again. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
