/**
 * Who may work on this thread, and for how long. JavaScript runs on one thread: work that goes on for long keeps every
 * other request, every timer and every time-out waiting. Loops whose length a client decides look at
 * {@link isStretchOver} now and then, and wait for {@link nextTurn} when it says so.
 */
import type { BoundValues } from './bound.ts';
import { SHARED } from './bounds.ts';

/**
 * How work is paced: in this whole process, since there is one thread to share. Tests change it, to have turns end where
 * they want.
 */
export const pace = {
  /** Longest stretch of work, in milliseconds, after which others get their turn; less than none: it is over at once. */
  stretchMs: SHARED.stretchMs,
  /** After how many objects a loop looks at the clock, and charges the budget. */
  objects: SHARED.turnObjects,
};

/** Paces work as the operator says; of several servers in one process the last one decides. */
export function paceWork({
  stretchMs,
  turnObjects,
}: Pick<BoundValues<typeof SHARED>, 'stretchMs' | 'turnObjects'>): void {
  Object.assign(pace, { stretchMs, objects: turnObjects });
}

let began: number | undefined;

const forget = (): void => void (began = undefined);

/**
 * Whether this turn of the event loop has been worked in for long enough, by whomever. The clock starts when it is
 * first asked in a turn. Ask it every hundred steps or so: it reads the clock.
 */
export function isStretchOver(): boolean {
  if (pace.stretchMs < 0) return true;
  if (began === undefined) {
    began = performance.now();
    setImmediate(forget);
    return false;
  }
  return performance.now() - began > pace.stretchMs;
}

/** Who waits, by key; the keys in the order in which they come to their turns. */
const waiting = new Map<string, (() => void)[]>();
let armed = false;

/**
 * Resolves when it is the caller's turn. One turn is given in each round of the event loop, so that timers and sockets
 * are seen to between any two, and in rotation between keys, so that who asks for much waits for himself.
 * @param key who works: a tenant
 */
export function nextTurn(key: string): Promise<void> {
  return new Promise((resolve) => {
    const queue = waiting.get(key);
    if (queue === undefined) waiting.set(key, [resolve]);
    else queue.push(resolve);
    if (armed) return;
    armed = true;
    setImmediate(give);
  });
}

function give(): void {
  const [next] = waiting;
  if (next === undefined) {
    armed = false;
    return;
  }
  const [key, queue] = next;
  const resume = queue.shift()!;
  // To the end of the rotation.
  waiting.delete(key);
  if (queue.length > 0) waiting.set(key, queue);
  setImmediate(give);
  began = undefined;
  resume();
}
