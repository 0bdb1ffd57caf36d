/** The body of an answer that is written bit by bit: each bit reaches the client when it is written. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Transform } from 'node:stream';
import { onceWritable } from './once-writable.ts';

/** Compresses a body while it is written. */
export interface StreamEncoder {
  /** Such as `content-encoding`. */
  readonly headers: OutgoingHttpHeaders;
  /** Brings out all that is written to it, at once. */
  readonly transform: Transform;
}

export class StreamBody {
  readonly #response: ServerResponse;
  readonly #headers: OutgoingHttpHeaders;
  readonly #encoder: StreamEncoder | undefined;
  #closed = false;

  constructor(response: ServerResponse, headers: OutgoingHttpHeaders, encoder?: StreamEncoder) {
    this.#response = response;
    this.#headers = headers;
    this.#encoder = encoder;
  }

  /**
   * Sends the headers.
   * @param onClose called when the client leaves
   * @returns false when it has left already
   */
  open(onClose: () => void): boolean {
    const response = this.#response;
    if (response.destroyed) return false;
    response.once('close', () => {
      this.#closed = true;
      this.#encoder?.transform.destroy();
      if (!response.writableFinished) onClose();
    });
    response.writeHead(200, {
      ...this.#headers,
      'cache-control': 'no-store, no-transform',
      // Proxies that would gather a body before they pass it on.
      'x-accel-buffering': 'no',
      ...this.#encoder?.headers,
    });
    const { transform } = this.#encoder ?? {};
    transform?.on('data', (chunk: Buffer) => response.write(chunk));
    transform?.on('end', () => response.end());
    transform?.on('error', () => response.destroy());
    return true;
  }

  /** Whether the client has left. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether the client has yet to take what was written. */
  get full(): boolean {
    return this.#response.writableNeedDrain;
  }

  write(text: string): void {
    if (this.#closed) return;
    const { transform } = this.#encoder ?? {};
    (transform ?? this.#response).write(text);
  }

  /** Writes, and resolves when the client has taken what was written, or has left. */
  async taken(text: string): Promise<void> {
    if (this.#closed) return;
    const { transform } = this.#encoder ?? {};
    if (transform === undefined) this.#response.write(text);
    else
      await new Promise<void>((resolve) => {
        this.#response.once('close', resolve);
        transform.write(text, () => {
          this.#response.off('close', resolve);
          resolve();
        });
      });
    if (!this.full || this.#closed) return;
    await new Promise<void>((resolve) => onceWritable(this.#response, resolve));
  }

  end(text: string): void {
    if (this.#closed) return;
    const { transform } = this.#encoder ?? {};
    (transform ?? this.#response).end(text);
  }
}
