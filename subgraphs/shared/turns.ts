/**
 * Who may work on this thread, and for how long. JavaScript runs on one thread: work that goes on for long keeps every
 * other request, every timer and every time-out waiting. Loops whose length a client decides look at
 * {@link isStretchOver} now and then, and wait for {@link nextTurn} when it says so.
 */
import type { BoundValues } from './bound.ts';
import { SHARED } from './bounds.ts';
import { tenantOf } from './tenant-id.ts';

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
 * first asked in a turn. Whoever asks while others wait for their turn came behind them, and is to wait too: else those
 * that come anew would keep those that wait from ever going on. Ask it every hundred steps or so: it reads the clock.
 */
export function isStretchOver(): boolean {
  if (pace.stretchMs < 0 || (waiting.size > 0 && !isTurn)) return true;
  if (began === undefined) {
    began = performance.now();
    setImmediate(forget);
    return false;
  }
  return performance.now() - began > pace.stretchMs;
}

interface Waiting {
  readonly resume: () => void;
  /** When the work began that waits. */
  readonly began: number;
}

/** Who waits, by key, the oldest first; the keys in the order in which they had their last turn. */
const waiting = new Map<string, Waiting[]>();
let armed = false;

/** How long each key had turns of late, in milliseconds, and when that was noted; those noted last at the end. */
const had = new Map<string, { readonly ms: number; readonly at: number }>();

/** What a key had weighs half after each `SHARED.turnMemoryMs`. */
function hadOfLate(key: string, now: number): number {
  const noted = had.get(key);
  return noted === undefined ? 0 : noted.ms * 2 ** ((noted.at - now) / SHARED.turnMemoryMs);
}

function note(key: string, ms: number, now: number): void {
  const sum = hadOfLate(key, now) + ms;
  had.delete(key);
  had.set(key, { ms: sum, at: now });
  if (had.size > SHARED.turnTenants) had.delete(had.keys().next().value!);
}

/** Who has had least; of several, who has waited for longest. */
function nextKey(): string {
  const now = performance.now();
  let [next, least] = ['', Infinity];
  for (const key of waiting.keys()) {
    const ms = hadOfLate(key, now);
    if (ms < least) [next, least] = [key, ms];
  }
  return next;
}

/**
 * Resolves when it is the caller's turn. One turn is given in a round of the event loop, so that timers and sockets are
 * seen to between any two, and to the tenant who has had least of late, so that who asks for much waits for himself, and
 * who asks for little for one turn, however many he needs. Of one tenant, the work that began first goes first: what is nearly done is not kept, with all that it holds, for what has just begun.
 * After a turn the others have three times as long as it took, where there is so much for them to do.
 * @param tenantId who works; the projects of a tenant share its turns
 * @param began when the work began of which this is a part, by `performance.now()` @default now
 */
export function nextTurn(tenantId: string, began = performance.now()): Promise<void> {
  const key = tenantOf(tenantId);
  return new Promise((resume) => {
    const queue = waiting.get(key);
    if (queue === undefined) waiting.set(key, [{ resume, began }]);
    else {
      let place = queue.length;
      while (place > 0 && queue[place - 1]!.began > began) place -= 1;
      queue.splice(place, 0, { resume, began });
    }
    if (armed) return;
    armed = true;
    arm();
  });
}

/** Whether somebody has the turn that was given last. */
let isTurn = false;
/** Who had the last turn. */
let turnOf = '';
/** When the last turn began and ended, and the last round of the event loop. */
let turnBegan = 0;
let turnEnded = 0;
let roundBegan = 0;

/** Both in the same round: the second when all that the turn does at once has been done. */
function arm(): void {
  setImmediate(give);
  setImmediate(rest);
}

function give(): void {
  if (waiting.size === 0) return;
  const key = nextKey();
  const queue = waiting.get(key)!;
  const { resume } = queue.shift()!;
  // Behind those who have had as little.
  waiting.delete(key);
  if (queue.length > 0) waiting.set(key, queue);
  began = undefined;
  isTurn = true;
  turnOf = key;
  turnBegan = performance.now();
  resume();
}

function rest(): void {
  isTurn = false;
  turnEnded = roundBegan = performance.now();
  note(turnOf, turnEnded - turnBegan, turnEnded);
  if (waiting.size === 0) armed = false;
  else setImmediate(look);
}

/**
 * Gives the next turn where the sockets have had their time. A server's socket accepts one connection in each round (as
 * libuv has it): with a turn in every round, whoever comes behind a hundred connections would wait for a hundred turns.
 */
function look(): void {
  const now = performance.now();
  const isIdle = now - roundBegan < SHARED.idleRoundMs;
  roundBegan = now;
  if (isIdle || now - turnEnded >= SHARED.turnOthers * (turnEnded - turnBegan)) arm();
  else setImmediate(look);
}
