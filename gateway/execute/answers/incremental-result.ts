/**
 * The messages of an answer that comes in parts. The format is that of the incremental delivery proposal of 2022, which
 * graphql-yoga, Apollo Client, urql and Relay read: https://github.com/graphql/defer-stream-wg/discussions/48
 */
import type { ExecutionResult, GraphQLError } from 'graphql';
import type { Path } from '#gateway/respond/response-errors.ts';

export type Data = Record<string, unknown>;

/** A part that is to come. */
export interface PendingPart {
  readonly id: string;
  /** Where the object, or the list, is in the answer. */
  readonly path: Path;
  readonly label?: string;
}

// For formats in which parts are announced. Kept beside the messages, by what of them stays the same while they are masked.
const announcements = new WeakMap<object, readonly PendingPart[]>();
const idsOfPatches = new WeakMap<Path, string>();
const unfinished = new WeakSet<Path>();

/** Notes which parts a message announces. @param key its data, or the path of its first patch */
export function announce(key: object, parts: readonly PendingPart[]): void {
  announcements.set(key, parts);
}

/** Notes what a patch is part of. @param path its own: no other patch has it */
export function identify(path: Path, id: string, more = false): void {
  idsOfPatches.set(path, id);
  if (more) unfinished.add(path);
}

/** The parts that a message announces: those that are to come of what is in it. */
export function announcedIn({ data, incremental }: IncrementalResult): readonly PendingPart[] {
  const key = data ?? incremental?.[0]?.path;
  return (key && announcements.get(key)) ?? [];
}

/** The id under which the part of a patch was announced; undefined where it stands for all that will not come. */
export const idOfPart = ({ path }: IncrementalPatch): string | undefined => idsOfPatches.get(path);

/** Whether what a patch is part of will have more. */
export const hasMore = ({ path }: IncrementalPatch): boolean => unfinished.has(path);

interface Patch {
  /** Where the object is in the answer; of items: the list, and the place of the first of them. */
  path: Path;
  label?: string;
  /** Their paths begin at the answer's root. */
  errors?: readonly GraphQLError[];
}

/** One part, for one object. */
export interface DeferredPatch extends Patch {
  /** What to merge into the object at `path`; null when a field that must not be null was. */
  data: Data | null;
}

/** Items of a list. */
export interface ItemsPatch extends Patch {
  /** Null where the list ends here because of the errors. */
  items: readonly unknown[] | null;
}

export type IncrementalPatch = DeferredPatch | ItemsPatch;

/**
 * One message of the stream: `data` in the first, `incremental` in those that follow, neither in one that only ends it.
 */
export interface IncrementalResult extends ExecutionResult {
  incremental?: readonly IncrementalPatch[];
  hasNext: boolean;
}
