/**
 * Event streams that carry several operations (single connection mode of GraphQL over server-sent events,
 * https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md#single-connection-mode): reserved by one request,
 * opened by a second, and given operations by others, which present the token of the reservation.
 */
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { AdmittedOperation } from '#gateway/admission/operations.ts';
import { onExpiry } from '#gateway/auth/expiry.ts';
import { SUBSCRIBE } from '#gateway/bounds/subscribe.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { framingOf, openEventStream, sendEvents } from './event-stream.ts';

export type EventStreamBounds = Pick<
  BoundValues<typeof SUBSCRIBE>,
  'eventStreams' | 'operationsPerSocket' | 'eventStreamReservationMs'
>;

/** All that are reserved or open here: another replica knows nothing of them. */
export class EventStreams {
  readonly #bounds: EventStreamBounds;
  readonly #streams = new Map<string, EventStream>();
  /** How many each caller has reserved and not opened yet. */
  readonly #reserved = new Map<string, number>();

  constructor(bounds: EventStreamBounds) {
    this.#bounds = bounds;
  }

  /**
   * Reserves one for this caller.
   * @returns the token that opens it, once, and that operations for it present
   * @throws CodedError `RATE_LIMITED`
   */
  reserve(principal: Principal): string {
    const { eventStreams, eventStreamReservationMs } = this.#bounds;
    if (this.#streams.size >= eventStreams)
      throw new CodedError('RATE_LIMITED', 'There are too many event streams.', {
        hint: 'Try again later; whoever runs the server may raise MAX_EVENT_STREAMS.',
      });
    const owner = ownerOf(principal);
    const reserved = this.#reserved.get(owner) ?? 0;
    if (reserved >= SUBSCRIBE.reservedEventStreams)
      throw new CodedError('RATE_LIMITED', 'This caller has reserved too many event streams without opening them.', {
        hint: 'Open those that are reserved, or wait until they are given up.',
        extensions: { retryAfterSeconds: Math.ceil(eventStreamReservationMs / 1_000) },
      });
    this.#reserved.set(owner, reserved + 1);
    const token = randomBytes(24).toString('base64url');
    this.#streams.set(
      token,
      new EventStream(principal, this.#bounds, {
        opened: () => {
          const left = this.#reserved.get(owner)! - 1;
          if (left === 0) this.#reserved.delete(owner);
          else this.#reserved.set(owner, left);
        },
        closed: () => this.#streams.delete(token),
      }),
    );
    return token;
  }

  /**
   * The stream of this token and caller: somebody else's is none.
   * @throws CodedError `NOT_FOUND`
   */
  of(token: string, principal: Principal): EventStream {
    const stream = this.#streams.get(token);
    if (stream === undefined || stream.owner !== ownerOf(principal))
      throw new CodedError('NOT_FOUND', 'There is no event stream of this token.', {
        hint: 'Reserve one with PUT. It is given up where it is not opened in time, and when it closes; all its requests must reach the same replica.',
      });
    return stream;
  }
}

const ownerOf = ({ tenantId, subject }: Principal): string => JSON.stringify([tenantId, subject]);

/** A place on a stream that an operation has taken. */
export interface EventStreamPlace {
  /** Aborted when the client ends the operation, or is gone. */
  readonly signal: AbortSignal;
  /** Gives it up, of an operation that was not admitted. */
  leave(): void;
  /** Sends what the operation comes to, once the stream is open. */
  deliver(operation: AdmittedOperation): Promise<void>;
}

/** One that is reserved, and then open. */
export class EventStream {
  /** The caller who reserved it. */
  readonly owner: string;
  readonly #bounds: EventStreamBounds;
  readonly #on: { opened: () => void; closed: () => void };
  /** What ends each operation under way, by the client's id for it. */
  readonly #running = new Map<string, AbortController>();
  readonly #opening: Promise<ServerResponse | undefined>;
  #settle!: (response: ServerResponse | undefined) => void;
  #response: ServerResponse | undefined;
  #reservation: NodeJS.Timeout | undefined;

  constructor(principal: Principal, bounds: EventStreamBounds, on: { opened: () => void; closed: () => void }) {
    this.owner = ownerOf(principal);
    this.#bounds = bounds;
    this.#on = on;
    this.#opening = new Promise((resolve) => (this.#settle = resolve));
    this.#reservation = setTimeout(() => this.cut(), bounds.eventStreamReservationMs).unref();
  }

  /**
   * Opens it: what its operations come to is written to `response` until that closes.
   * @throws CodedError `CONFLICT` where it is open
   */
  open(response: ServerResponse): void {
    if (this.#response !== undefined)
      throw new CodedError('CONFLICT', 'The event stream of this token is open already.');
    this.#response = response;
    this.#endReservation();
    setMaxListeners(0, response); // Every operation waits for it.
    response.once('close', () => this.#close());
    openEventStream(response);
    this.#settle(response);
  }

  /**
   * Takes a place for an operation.
   * @param principal who asks for it: with their token it ends
   * @throws CodedError `BAD_USER_INPUT` where the id is none, `CONFLICT` where it is taken, `RATE_LIMITED` where there are
   *   too many
   */
  begin(operationId: unknown, principal: Principal): EventStreamPlace {
    const id = checkedId(operationId);
    if (this.#running.has(id))
      throw new CodedError(
        'CONFLICT',
        'An operation with this `extensions.operationId` is under way on the event stream.',
      );
    const { operationsPerSocket } = this.#bounds;
    if (this.#running.size >= operationsPerSocket)
      throw new CodedError(
        'RATE_LIMITED',
        `An event stream may run at most ${operationsPerSocket} operations at once.`,
        {
          hint: 'End some; whoever runs the server may raise MAX_SUBSCRIPTIONS_PER_SOCKET.',
        },
      );
    const cancel = new AbortController();
    const forgetExpiry = onExpiry(principal, () => this.cut());
    this.#running.set(id, cancel);
    const leave = (): void => {
      forgetExpiry();
      // The client may have given its id to another.
      if (this.#running.get(id) === cancel) this.#running.delete(id);
    };
    return {
      signal: cancel.signal,
      leave,
      deliver: async (operation) => {
        try {
          const response = await Promise.race([this.#opening, aborted(cancel.signal)]);
          if (response === undefined || cancel.signal.aborted) return operation.discard();
          await sendEvents(response, await operation.run(), framingOf(id), cancel.signal);
        } finally {
          leave();
        }
      },
    };
  }

  /** Ends the operation of this id, if it is under way. */
  end(operationId: unknown): void {
    const id = checkedId(operationId);
    const cancel = this.#running.get(id);
    this.#running.delete(id);
    cancel?.abort();
  }

  /** Cuts it, which tells its client to come back, since its operations did not complete; one that is not open is given up. */
  cut(): void {
    if (this.#response !== undefined) this.#response.destroy();
    else if (this.#reservation !== undefined) {
      this.#endReservation();
      this.#close();
    }
  }

  #endReservation(): void {
    clearTimeout(this.#reservation);
    this.#reservation = undefined;
    this.#on.opened();
  }

  #close(): void {
    this.#on.closed();
    this.#settle(undefined);
    const running = [...this.#running.values()];
    this.#running.clear();
    for (const cancel of running) cancel.abort();
  }
}

function checkedId(id: unknown): string {
  if (typeof id !== 'string' || id === '')
    throw badUserInput('An operation for an event stream needs an id: `operationId`, a string.', {
      hint: 'Send it in `extensions` of the operation, and in the query string of the DELETE that ends it.',
    });
  if (id.length > SUBSCRIBE.operationIdLength)
    throw badUserInput(`\`operationId\` may have at most ${SUBSCRIBE.operationIdLength} characters.`);
  return id;
}

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
