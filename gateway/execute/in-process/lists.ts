/** Completes lists: those that are there, and those that come item by item. */
import { GraphQLError } from 'graphql';
import { EXECUTE } from '#gateway/bounds/execute.ts';
import { AsyncItems } from './async-items.ts';
import { ListStream } from './list-stream.ts';
import { completeAt, Frame, isGone, isPromise, PENDING, type Complete, type Position, type Run } from './run.ts';

/** Completes the items of a list. */
export function listCompleter(position: Position, item: Position): Complete {
  return (value, up, key, run) => {
    if (typeof value !== 'object' || typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] !== 'function') {
      if (isAsyncIterable(value)) return completeAsyncList(value, position, item, up, key, run);
      throw new GraphQLError(`Expected Iterable, but did not find one for field "${position.name}".`);
    }
    const values = Array.isArray(value) ? (value as unknown[]) : [...(value as Iterable<unknown>)];
    const items: unknown[] = [];
    const here = new Frame(up, key, position, items);
    return completeItems(values, 0, items, item, here, run) ? items : undefined;
  };
}

/** @returns false when a null that is not allowed took the list away */
function completeItems(
  values: readonly unknown[],
  from: number,
  items: unknown[],
  item: Position,
  here: Frame,
  run: Run,
): boolean {
  for (let index = from; index < values.length; index++) {
    if (run.isDue) {
      postponeItems(values, index, items, item, here, run);
      return true;
    }
    if (!completeItem(values, index, index, items, item, here, run)) return false;
  }
  return true;
}

/**
 * Completes one of the values, for its place in the list.
 * @returns false when a null that is not allowed took the list away
 */
function completeItem(
  values: readonly unknown[],
  index: number,
  place: number,
  items: unknown[],
  item: Position,
  here: Frame,
  run: Run,
): boolean {
  const completed = completeAt(item, values[index], here, place, run);
  if (completed === undefined || (place % EXECUTE.leaves === EXECUTE.leaves - 1 && !run.count())) {
    here.gone = true;
    // Nobody will look at the others, and one that is rejected unseen would end the process.
    for (const left of values.slice(index + 1)) if (isPromise(left)) left.then(undefined, () => undefined);
    return false;
  }
  items[place] = completed === PENDING ? undefined : completed;
  return true;
}

/** The rest of a list, in a later turn. What is promised meanwhile is looked after. */
function postponeItems(
  values: readonly unknown[],
  from: number,
  items: unknown[],
  item: Position,
  here: Frame,
  run: Run,
): void {
  for (let index = from; index < values.length; index++) {
    const value = values[index];
    if (isPromise(value)) value.then(undefined, () => undefined);
  }
  run.postpone(() => {
    if (isGone(here) || completeItems(values, from, items, item, here, run)) return;
    here.gone = false; // So that it is taken away like what was promised and did not come.
    run.remove(here);
  });
}

/**
 * Completes a list whose items come in time: all of it; or, where the client would have them as they come, the first of
 * them, and hands over what gives the others.
 */
function completeAsyncList(
  source: AsyncIterable<unknown>,
  position: Position,
  item: Position,
  up: Frame | undefined,
  key: string | number,
  run: Run,
): typeof PENDING {
  const items: unknown[] = [];
  const here = new Frame(up, key, position, items);
  const request = run.streams?.find(({ path }) => leadsTo(path, here));
  const reader = new AsyncItems(source, run.signal, run.context.principal.tenantId);
  run.follow(reader);

  /** @returns false when a null that is not allowed took the list away, or nobody wants it any more */
  const read = async (): Promise<boolean> => {
    const most = request?.initialCount ?? Infinity;
    for (let count = 0; count < most;) {
      const { values, done, failure } = await reader.take(
        Math.min(EXECUTE.readItems, most - count),
        EXECUTE.readWaitMs,
      );
      if (failure !== undefined) throw failure.error;
      if (run.hasEnded || isGone(here) || !completeTaken(values, count, items, item, here, run)) {
        reader.end();
        return false;
      }
      count += values.length;
      if (done) return true;
    }
    run.unfollow(reader);
    request!.opened(new ListStream(reader, { position, item, up, key, from: items.length }, run));
    return true;
  };
  return run.wait(read(), new Frame(up, key, position), (isWhole) =>
    isWhole === true && !here.gone ? items : undefined,
  );
}

/** Whether the frame stands at this path, in which the places of items are left out. */
function leadsTo(path: readonly string[], frame: Frame): boolean {
  let index = path.length;
  for (let at: Frame | undefined = frame; at !== undefined; at = at.up)
    if (typeof at.key === 'string' && at.key !== path[--index]) return false;
  return index === 0;
}

function completeTaken(
  values: readonly unknown[],
  count: number,
  items: unknown[],
  item: Position,
  here: Frame,
  run: Run,
): boolean {
  for (let index = 0; index < values.length; index++)
    if (!completeItem(values, index, count + index, items, item, here, run)) return false;
  return true;
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function';
