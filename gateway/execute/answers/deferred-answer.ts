/**
 * The answer to an operation with deferred parts or streamed lists: first the rest, then each part when its data is there,
 * and items as they come.
 */
import { GraphQLError, type ExecutionResult } from 'graphql';
import type { Path } from '#gateway/respond/response-errors.ts';
import type { DeferredPart } from '#gateway/respond/shape.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Changes } from './deferral.ts';
import {
  announce,
  identify,
  type Data,
  type IncrementalPatch,
  type IncrementalResult,
  type PendingPart,
} from './incremental-result.ts';
import type { PartSource } from './part-source.ts';
import { movedError, type StreamedList } from './streamed-list.ts';
import { ToldData } from './told-data.ts';

/** What is left when the plan's first part has run. */
export interface DeferredAnswer {
  readonly data: Data | null;
  /** Parts noted while `data` was shaped. */
  readonly parts: readonly DeferredPart[];
  readonly source: PartSource;
  /** The client's labels by the engine's. */
  readonly labels: ReadonlyMap<string, string | undefined>;
  /** The lists that have been opened so far. @param told says how many errors have been told */
  lists(told: () => number): readonly StreamedList[];
  /** Told of all that changes. */
  readonly changes: Changes;
  /** Called once when nothing more is wanted, however that came. */
  end(): void;
  /** Made at the end, for the last message. */
  extensions?(): ExecutionResult['extensions'];
}

/** A part that waits for its data. */
interface WaitingPart {
  readonly part: DeferredPart;
  readonly source: PartSource;
  /** The object's place in the answer. */
  readonly path: Path;
  readonly id: string;
}

/** Streams an answer; when nothing of it is left to come, it is the whole answer and no stream. */
export function deliver(answer: DeferredAnswer): AsyncIterableIterator<IncrementalResult> | ExecutionResult {
  const { data, labels, changes, source: main } = answer;
  const waiting: WaitingPart[] = [];
  /** Their lists' ids, of those that are told of. */
  const lists = new Map<StreamedList, string>();
  let ids = 0;
  let announced: PendingPart[] = [];
  const told = new Set<GraphQLError>();
  /** With the first error on: before it nothing is null in one part that is something in another. */
  const toldData = new ToldData();
  let toldCount = 0;
  let first = true;
  let finished = false;
  /** Where the part at hand is. */
  let shaping: Path = [];
  let tail: Promise<unknown> = Promise.resolve();

  function finish(): void {
    if (finished) return;
    finished = true;
    for (const list of lists.keys()) list.end();
    answer.end();
  }

  const hasMore = (): boolean => waiting.length > 0 || [...lists.keys()].some(({ isOpen }) => isOpen);

  /** The errors that this part of the answer shows; each is told once. */
  function errorsOf(
    { errors, moved }: PartSource,
    shown: object | null,
    at: Path,
    all: boolean,
  ): { errors?: readonly GraphQLError[] } {
    const isShown = (error: GraphQLError): boolean => {
      for (const place of errors.placesOf(error)) if (shows(shown, at, place)) return true;
      return false;
    };
    const own = errors.list.filter((error) => !told.has(error) && (all || isShown(error)));
    for (const error of own) told.add(error);
    toldCount += own.length;
    return own.length === 0
      ? {}
      : { errors: own.map((error) => (errors === main.errors ? error : movedError(error, moved))) };
  }

  /** Whether other parts of it are still to come. */
  const isLast = (source: PartSource): boolean => !waiting.some((each) => each.source === source);

  /** Notes what is about to be told. */
  function note({ errors }: PartSource, place: Path, shown: object | null): void {
    if (shown !== null && errors.list.length > 0) toldData.add(place, shown);
  }

  /** Parts of objects, and lists, that are still in the answer. */
  function keep(parts: readonly DeferredPart[], source: PartSource, shown: object | null, at: Path): void {
    for (const part of parts) {
      const path = source.moved(part.path);
      if (!isPresent(shown, part.path.slice(at.length)) || toldData.isNull(path)) continue;
      const id = String(ids++);
      waiting.push({ part, source, path, id });
      announced.push({ id, path, ...labelled(labels.get(part.label)) });
    }
    if (source !== main) return;
    for (const list of answer.lists(() => toldCount)) {
      const { path, label } = list;
      if (lists.has(list) || !at.every((key, index) => key === path[index])) continue;
      const items = valueAt(shown, path.slice(at.length));
      if (!Array.isArray(items) || toldData.isNull(path)) continue;
      const id = String(ids++);
      lists.set(list, id);
      announced.push({ id, path, ...labelled(label) });
      list.start(items.length);
    }
  }

  /** Notes with what stays of a message which parts it announces. */
  function announceWith(key: object | null | undefined): void {
    if (key !== null && key !== undefined && announced.length > 0) announce(key, announced);
    announced = [];
  }

  /** Shapes what is ready, and then what is deferred within it and ready too. */
  function takeReady(): IncrementalPatch[] {
    for (const list of lists.keys()) {
      if (!toldData.isNull(list.path)) continue;
      list.end();
      lists.delete(list);
    }
    const patches = [...lists].flatMap(([list, id]) => itemsOf(list, id));
    for (let index = 0; index < waiting.length;) {
      const { part, source, path, id } = waiting[index]!;
      if (!source.deferral.isSettled(part.label)) {
        index += 1;
        continue;
      }
      waiting.splice(index, 1);
      if (toldData.isNull(path)) continue; // Another part has lost the object.
      const below: DeferredPart[] = [];
      shaping = path;
      const shown = part.shape(source.errors, source.introspect, below);
      if (shown === undefined) continue;
      note(source, path, shown);
      keep(below, source, shown, part.path);
      const own = [...path]; // Its own: several parts may be of one object.
      identify(own, id);
      patches.push({
        data: shown,
        path: own,
        ...labelled(labels.get(part.label)),
        ...errorsOf(source, shown, part.path, isLast(source)),
      });
    }
    announceWith(patches[0]?.path);
    return patches;
  }

  /** What has come of a list since it was last asked. */
  function itemsOf(list: StreamedList, id: string): IncrementalPatch[] {
    shaping = [...list.path, list.count];
    const ready = list.take();
    if (ready === undefined) return [];
    const { items, from, source, parts, done, failure } = ready;
    note(source, list.path, Object.fromEntries(items.map((item, index) => [from + index, item])));
    keep(parts, source, items, list.path);
    const patches: IncrementalPatch[] = [];
    const hasFailed = failure !== undefined;
    // Without items it only says that the list has ended, which the end of the answer says too.
    if (items.length > 0 || (!hasFailed && hasMore())) {
      const path = [...list.path, from];
      identify(path, id, hasFailed || !done);
      patches.push({
        items,
        path,
        ...labelled(list.label),
        ...errorsOf(source, items, list.path, !hasFailed && isLast(source)),
      });
    }
    if (hasFailed) {
      const path = [...list.path, from + items.length];
      identify(path, id);
      toldCount += failure.length;
      patches.push({ items: null, path, ...labelled(list.label), errors: failure });
    }
    return patches;
  }

  async function take(): Promise<IteratorResult<IncrementalResult>> {
    if (finished) return { done: true, value: undefined };
    if (first) {
      first = false;
      return { done: false, value: { data, ...initialErrors, hasNext: true } };
    }
    try {
      for (;;) {
        const incremental = takeReady();
        const hasNext = hasMore();
        if (incremental.length > 0 || !hasNext) {
          // The last of what was waited for may be for objects of other types.
          const left = incremental.length === 0 ? errorsOf(main, null, [], true) : {};
          const extensions = hasNext ? undefined : answer.extensions?.();
          if (!hasNext) finish();
          return {
            done: false,
            value: {
              ...left,
              ...(incremental.length > 0 && { incremental }),
              hasNext,
              ...(extensions !== undefined && { extensions }),
            },
          };
        }
        for (const { deferral } of [main, ...waiting.map(({ source }) => source)]) deferral.check();
        await changes.next();
        // Read anew: return() may have been called meanwhile.
        if (finished as boolean) return { done: true, value: undefined };
      }
    } catch (error) {
      finish();
      if (error instanceof CodedError) return { done: false, value: ended(error) };
      throw error;
    }
  }

  /** What is left will not come: the budget is spent. */
  function ended({ message, extensions }: CodedError): IncrementalResult {
    const errors = [new GraphQLError(message, { path: shaping, extensions })];
    const isItem =
      typeof shaping.at(-1) === 'number' && [...lists.keys()].some(({ path }) => path.length + 1 === shaping.length);
    const patch = isItem ? { items: null, path: shaping, errors } : { data: null, path: shaping, errors };
    return { incremental: [patch], hasNext: false };
  }

  note(main, [], data);
  keep(answer.parts, main, data, []);
  const initialErrors = errorsOf(main, data, [], waiting.length === 0);
  if (!hasMore()) {
    const extensions = answer.extensions?.();
    finish();
    return { ...initialErrors, data, ...(extensions !== undefined && { extensions }) };
  }
  announceWith(data);

  const stream: AsyncIterableIterator<IncrementalResult> = {
    next: () => {
      const result = tail.then(take);
      tail = result.catch(() => undefined);
      return result;
    },
    return: () => {
      finish();
      return Promise.resolve({ done: true, value: undefined });
    },
    throw: (error: unknown) => {
      finish();
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    },
    [Symbol.asyncIterator]: () => stream,
  };
  return stream;
}

const labelled = (label: string | undefined): { label?: string } => (label === undefined ? {} : { label });

function valueAt(shown: object | null, path: Path): unknown {
  let value: unknown = shown;
  for (const part of path) value = (value as Record<string | number, unknown> | null | undefined)?.[part];
  return value;
}

/** Whether the answer has an object at `path`. */
function isPresent(shown: object | null, path: Path): boolean {
  const value = valueAt(shown, path);
  return value !== null && value !== undefined;
}

/**
 * Whether the error at `path` is about what `shown`, which is at `at`, has or has lost; not about what is not in it at
 * all.
 */
function shows(shown: object | null, at: Path, path: Path): boolean {
  if (path.length < at.length || !at.every((part, index) => part === path[index])) return false;
  let value: unknown = shown;
  for (const part of path.slice(at.length)) {
    if (value === null) return true;
    value = (value as Record<string | number, unknown>)[part];
    if (value === undefined) return false;
  }
  return true;
}
