/** Streams that many follow at once, so that an event need be answered once and not once for each follower. */

/** Marks a {@link SharedEvents}. */
export const SHARED = Symbol('shared events');

/**
 * What a subscription's `subscribe` may return in the place of a plain iterator. It promises that
 * - everybody in this process who follows the same thing is given the same objects, which never change;
 * - what the root field answers to an event depends on the event, the caller and the selection below it, and not on the
 *   field's own arguments: those only say which events come.
 */
export interface SharedEvents<Event extends object = object> extends AsyncIterableIterator<Event> {
  readonly [SHARED]: true;
  /**
   * The next event where it is at hand. Undefined where it must be waited for, and at the end: `next()` tells. Not to
   * be called while a `next()` is unanswered.
   */
  poll(): Event | undefined;
  /**
   * Has `resume` called once, later: when `poll` gives an event, or `next()` says at once why there is none. Call it
   * where `poll` gave none.
   * @returns false where it will not be called, and `next()` is the way
   */
  whenMore(resume: () => void): boolean;
}

export const isShared = (stream: AsyncIterable<unknown>): stream is SharedEvents => SHARED in stream;
