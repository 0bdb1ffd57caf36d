/**
 * Writes shared answers to a WebSocket as frames of its own: a header and the subscription's id before bytes that all
 * are sent.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { ExecutionResult } from 'graphql';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { SharedAnswer } from '#gateway/execute/answers/shared-answers.ts';
import { SUBSCRIBE } from '#gateway/bounds/subscribe.ts';
import { framedNext, frameLength, messageLength, nextPrefix, writeNext } from './frames.ts';
import type { Sink } from './pump.ts';

/**
 * A WebSocket, and the connection under it, on which whole frames may be written between those of `ws`: it writes its
 * own at once too.
 */
export class FrameWriter {
  readonly #socket: WebSocket;
  readonly #connection: Duplex;
  readonly #mayWrite: () => boolean;
  readonly #waiting = new Set<() => void>();
  readonly #stallMs: number;
  readonly #giveUp: () => void;
  #stalled: NodeJS.Timeout | undefined;
  #underWay = 0;

  /**
   * @param mayWrite asked before every write; false where the client has been given up
   * @param stall how long the client may leave unread what waits for it, in milliseconds, and what is done then
   */
  constructor(
    socket: WebSocket,
    connection: Duplex,
    mayWrite: () => boolean,
    stall: { ms: number; giveUp: () => void },
  ) {
    this.#socket = socket;
    this.#connection = connection;
    this.#mayWrite = mayWrite;
    this.#stallMs = stall.ms;
    this.#giveUp = stall.giveUp;
    // One listener for all subscriptions of the socket.
    const wake = (): void => {
      clearTimeout(this.#stalled);
      this.#stalled = undefined;
      this.#underWay = 0;
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const resume of waiting) resume();
    };
    connection.on('drain', wake);
    connection.on('close', wake);
  }

  /** Writes whole frames, in one go. */
  write(frames: readonly Buffer[]): void {
    if (this.#socket.readyState !== this.#socket.OPEN || !this.#mayWrite()) return;
    if (frames.length === 1) return void this.#connection.write(frames[0]);
    this.#connection.cork();
    for (const frame of frames) this.#connection.write(frame);
    this.#connection.uncork();
  }

  /**
   * Writes one whole answer, however long, when all before it has been taken; resolves when it has been taken itself, or
   * the connection is gone.
   */
  async writeWhole(frames: readonly Buffer[]): Promise<void> {
    while (this.full && !this.#connection.destroyed) await new Promise<void>((resolve) => this.drained(resolve));
    this.write(frames);
    if (!this.full) return;
    let length = 0;
    for (const frame of frames) length += frame.length;
    this.#underWay = length;
    while (this.full && !this.#connection.destroyed) await new Promise<void>((resolve) => this.drained(resolve));
  }

  /** Bytes of an answer that was written whole and not been taken yet. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Whether more waits to be sent than the connection wants to keep. */
  get full(): boolean {
    return this.#connection.writableNeedDrain;
  }

  /** Calls `resume` once, when it is {@link full} no longer, or the connection gone. */
  drained(resume: () => void): void {
    this.#stalled ??= setTimeout(this.#giveUp, this.#stallMs).unref();
    this.#waiting.add(resume);
  }
}

/**
 * The sink of one subscription.
 * @param fit makes a result with errors fit for this client
 */
export function socketSink(writer: FrameWriter, id: string, fit: (result: ExecutionResult) => ExecutionResult): Sink {
  const prefix = nextPrefix(id);
  const payloadOf = (answer: SharedAnswer): Buffer => answer.json ?? Buffer.from(writeJson(fit(answer.result!)));
  return {
    write(answers) {
      const payloads = answers.map(payloadOf);
      if (payloads.some((payload) => payload.length > SUBSCRIBE.copiedBytes))
        return writer.write(payloads.flatMap((payload) => framedNext(prefix, payload)));
      let length = 0;
      for (const payload of payloads) length += frameLength(messageLength(prefix, payload));
      const frames = Buffer.allocUnsafe(length);
      let at = 0;
      for (const payload of payloads) at = writeNext(frames, at, prefix, payload);
      writer.write([frames]);
    },
    get full() {
      return writer.full;
    },
    drained: (resume) => writer.drained(resume),
  };
}
