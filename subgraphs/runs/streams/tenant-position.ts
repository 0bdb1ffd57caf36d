/**
 * Places in a tenant's log: events are ordered by the transaction that appended them, then by their number in the
 * database.
 */
import { badUserInput } from '#subgraphs/shared/errors.ts';

export interface TenantPosition {
  /** PostgreSQL's 64-bit transaction id. */
  readonly transactionId: bigint;
  /** The event's number, from 1; 0 is before all events of the transaction. */
  readonly id: bigint;
}

export const LOG_START: TenantPosition = { transactionId: 0n, id: 0n };

/** Negative where `left` is before `right`. */
export const comparePositions = (left: TenantPosition, right: TenantPosition): number =>
  left.transactionId === right.transactionId
    ? Number(left.id - right.id)
    : left.transactionId < right.transactionId
      ? -1
      : 1;

/** A position as clients see and return it. */
export const formatPosition = ({ transactionId, id }: TenantPosition): string => `${transactionId}-${id}`;

const MOST = 2n ** 63n - 1n;

/**
 * Parses a cursor of the tenant's log.
 * @returns the start for none, or an empty one
 * @throws CodedError `BAD_USER_INPUT`
 */
export function parsePosition(cursor: string | null | undefined): TenantPosition {
  if (cursor === null || cursor === undefined || cursor === '') return LOG_START;
  const [, transactionId, id] = /^(\d{1,19})-(\d{1,19})$/.exec(cursor) ?? [];
  if (transactionId !== undefined && id !== undefined && BigInt(transactionId) <= MOST && BigInt(id) <= MOST) {
    return { transactionId: BigInt(transactionId), id: BigInt(id) };
  }
  throw badUserInput("`after` is not a cursor of the tenant's events.", {
    hint: 'Use the `cursor` of the last event seen, `now`, or leave it out.',
  });
}
