/**
 * The answer to an operation with deferred parts, as a stream: first the rest, then each part when its data is there.
 * The format is that of the incremental delivery proposal of 2022, which graphql-yoga, Apollo Client, urql and Relay
 * read: https://github.com/graphql/defer-stream-wg/discussions/48
 */
import { GraphQLError, type ExecutionResult } from 'graphql';
import type { Introspect } from '#gateway/respond/introspection.ts';
import type { Path, ResponseErrors } from '#gateway/respond/response-errors.ts';
import type { DeferredPart } from '#gateway/respond/shape.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Deferral } from './deferral.ts';

type Data = Record<string, unknown>;

/** A part that is to come. */
export interface PendingPart {
  readonly id: string;
  /** Where the object is in the answer. */
  readonly path: Path;
  readonly label?: string;
}

// For formats in which parts are announced. Kept beside the messages, by what of them stays the same while they are masked.
const announcements = new WeakMap<object, readonly PendingPart[]>();
const idsOfPatches = new WeakMap<Path, string>();

/** The parts that a message announces: those that are to come of what is in it. */
export function announcedIn({ data, incremental }: IncrementalResult): readonly PendingPart[] {
  const key = data ?? incremental?.[0]?.path;
  return (key && announcements.get(key)) ?? [];
}

/** The id under which the part of a patch was announced; undefined where it stands for all that will not come. */
export const idOfPart = ({ path }: IncrementalPatch): string | undefined => idsOfPatches.get(path);

/** One part, for one object. */
export interface IncrementalPatch {
  /** What to merge into the object at `path`; null when a field that must not be null was. */
  data: Data | null;
  /** Where the object is in the answer. */
  path: Path;
  label?: string;
  /** Their paths begin at the answer's root. */
  errors?: readonly GraphQLError[];
}

/**
 * One message of the stream: `data` in the first, `incremental` in those that follow, neither in one that only ends it.
 */
export interface IncrementalResult extends ExecutionResult {
  incremental?: readonly IncrementalPatch[];
  hasNext: boolean;
}

/** What is left when the plan's first part has run. */
export interface DeferredAnswer {
  readonly data: Data | null;
  /** Parts noted while `data` was shaped. */
  readonly parts: readonly DeferredPart[];
  /** Of the whole run; grows. */
  readonly errors: ResponseErrors;
  readonly introspect: Introspect;
  /** The client's labels by the engine's. */
  readonly labels: ReadonlyMap<string, string | undefined>;
  readonly deferral: Deferral;
  /** Called once when nothing more is wanted, however that came. */
  end(): void;
  /** Made at the end, for the last message. */
  extensions?(): ExecutionResult['extensions'];
}

/** Streams an answer; when nothing of it is left to defer, it is the whole answer and no stream. */
export function deliver(answer: DeferredAnswer): AsyncIterableIterator<IncrementalResult> | ExecutionResult {
  const { data, errors, deferral, introspect, labels } = answer;
  const waiting: DeferredPart[] = [];
  const ids = new Map<DeferredPart, string>();
  let announced: PendingPart[] = [];
  const told = new Set<GraphQLError>();
  let first = true;
  let finished = false;
  /** The part at hand. */
  let shaping: DeferredPart | undefined;
  let tail: Promise<unknown> = Promise.resolve();

  function finish(): void {
    if (finished) return;
    finished = true;
    answer.end();
  }

  /** The errors that this part of the answer shows; each is told once. */
  function errorsOf(shown: Data | null, at: Path, all: boolean): { errors?: readonly GraphQLError[] } {
    const isShown = (error: GraphQLError): boolean => {
      for (const place of errors.placesOf(error)) if (shows(shown, at, place)) return true;
      return false;
    };
    const own = errors.list.filter((error) => !told.has(error) && (all || isShown(error)));
    for (const error of own) told.add(error);
    return own.length === 0 ? {} : { errors: own };
  }

  /** Parts of objects that are still in the answer. */
  function keep(parts: readonly DeferredPart[], shown: Data | null, at: Path): void {
    for (const part of parts) {
      if (!isPresent(shown, part.path.slice(at.length))) continue;
      const label = labels.get(part.label);
      const id = String(ids.size);
      waiting.push(part);
      ids.set(part, id);
      announced.push({ id, path: part.path, ...(label !== undefined && { label }) });
    }
  }

  /** Notes with what stays of a message which parts it announces. */
  function announceWith(key: object | null | undefined): void {
    if (key !== null && key !== undefined && announced.length > 0) announcements.set(key, announced);
    announced = [];
  }

  /** Shapes what is ready, and then what is deferred within it and ready too. */
  function takeReady(): IncrementalPatch[] {
    const patches: IncrementalPatch[] = [];
    for (let index = 0; index < waiting.length;) {
      const part = waiting[index]!;
      if (!deferral.isSettled(part.label)) {
        index += 1;
        continue;
      }
      waiting.splice(index, 1);
      const below: DeferredPart[] = [];
      shaping = part;
      const shown = part.shape(errors, introspect, below);
      if (shown === undefined) continue;
      keep(below, shown, part.path);
      const label = labels.get(part.label);
      const path = [...part.path]; // Its own: several parts may be of one object.
      idsOfPatches.set(path, ids.get(part)!);
      patches.push({
        data: shown,
        path,
        ...(label !== undefined && { label }),
        ...errorsOf(shown, part.path, waiting.length === 0),
      });
    }
    announceWith(patches[0]?.path);
    return patches;
  }

  async function take(): Promise<IteratorResult<IncrementalResult>> {
    if (finished) return { done: true, value: undefined };
    if (first) {
      first = false;
      announceWith(data);
      return { done: false, value: { data, ...initialErrors, hasNext: true } };
    }
    try {
      for (;;) {
        const incremental = takeReady();
        const hasNext = waiting.length > 0;
        if (incremental.length > 0 || !hasNext) {
          // The last of what was waited for may be for objects of other types.
          const left = incremental.length === 0 ? errorsOf(null, [], true) : {};
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
        await deferral.changed();
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
    const path = shaping?.path ?? [];
    return {
      incremental: [{ data: null, path, errors: [new GraphQLError(message, { path, extensions })] }],
      hasNext: false,
    };
  }

  keep(answer.parts, data, []);
  const initialErrors = errorsOf(data, [], waiting.length === 0);
  if (waiting.length === 0) {
    const extensions = answer.extensions?.();
    finish();
    return { ...initialErrors, data, ...(extensions !== undefined && { extensions }) };
  }

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

/** Whether the answer has an object at `path`. */
function isPresent(shown: Data | null, path: Path): boolean {
  let value: unknown = shown;
  for (const part of path) value = (value as Record<string | number, unknown> | null | undefined)?.[part];
  return value !== null && value !== undefined;
}

/**
 * Whether the error at `path` is about what `shown`, which is at `at`, has or has lost; not about what is not in it at
 * all.
 */
function shows(shown: Data | null, at: Path, path: Path): boolean {
  if (path.length < at.length || !at.every((part, index) => part === path[index])) return false;
  let value: unknown = shown;
  for (const part of path.slice(at.length)) {
    if (value === null) return true;
    value = (value as Record<string | number, unknown>)[part];
    if (value === undefined) return false;
  }
  return true;
}
