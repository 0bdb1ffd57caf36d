/**
 * Bounds of resources: time-outs, sizes, queues, caches, retries and intervals, each declared once, in the `bounds.ts` of
 * a subgraph or in `gateway/bounds/`, with what it bounds and within what an operator may set it. The configuration makes
 * variables of those that can be set (`gateway/config/variables.ts`); docs/bounds.md is printed from all of them, and
 * `tests/architecture/bounds.test.ts` looks for others.
 */

interface Told {
  /** What it bounds, and what happens past it, as docs print it. */
  readonly what: string;
  /** Of the value: `ms`, `s`, `bytes`, or what is counted. */
  readonly unit: string;
}

/** One that holds as it is: a detail that nobody has reason to set, or one that other programs rely on. */
export interface FixedBound extends Told {
  readonly default: number;
  readonly variable?: undefined;
}

/** One that an operator may set. */
export interface SettableBound extends Told {
  readonly default: number;
  /** The environment variable that holds it. */
  readonly variable: string;
  /** The smallest value that it may be set to. */
  readonly min: number;
  /** The largest value that it may be set to. */
  readonly max: number;
}

/** One that an operator may set, and that is worked out where it is not set. */
export interface DerivedBound extends Omit<SettableBound, 'default'> {
  readonly default?: undefined;
  /** What holds then, as docs print it. */
  readonly absent: string;
}

export type Bound = FixedBound | SettableBound | DerivedBound;

/** What docs print of a room's bounds. */
export interface BoundTable<Entries> {
  /** The folder whose code they bound. */
  readonly room: string;
  /** The heading of docs/configuration.md that their variables stand under. */
  readonly section: string;
  readonly entries: Entries;
}

const TABLE = Symbol('bounds');

type ValueOf<Entry> = Entry extends { readonly default: number } ? number : number | undefined;

/** The defaults by name, and the table that they come from. */
export type Bounds<Entries> = { readonly [Name in keyof Entries]: ValueOf<Entries[Name]> } & {
  readonly [TABLE]: BoundTable<Entries>;
};

/** The values of those of a room's bounds that an operator may set: what the configuration hands to the room. */
export type BoundValues<Room> =
  Room extends Bounds<infer Entries>
    ? {
        readonly [Name in keyof Entries as Entries[Name] extends { readonly variable: string } ? Name : never]: ValueOf<
          Entries[Name]
        >;
      }
    : never;

/** The variables of a room's bounds, with the types of their values. */
export type BoundVariables<Room> =
  Room extends Bounds<infer Entries>
    ? {
        readonly [
          Name in keyof Entries as Entries[Name] extends { readonly variable: infer Variable extends string }
            ? Variable
            : never
        ]: ValueOf<Entries[Name]>;
      }
    : never;

/**
 * Declares the bounds of a room.
 * @returns the defaults by name. Fixed ones are read from here; those that can be set only as the default of an option,
 *   or what an operator sets would not reach the code
 */
export function bounds<const Entries extends Readonly<Record<string, Bound>>>(
  room: string,
  section: string,
  entries: Entries,
): Bounds<Entries> {
  const values = Object.fromEntries(Object.entries(entries).map(([name, bound]) => [name, bound.default]));
  Object.defineProperty(values, TABLE, { value: { room, section, entries } });
  return Object.freeze(values) as unknown as Bounds<Entries>;
}

/** What was declared by {@link bounds}. */
export const tableOf = (room: Bounds<unknown>): BoundTable<Readonly<Record<string, Bound>>> =>
  room[TABLE] as BoundTable<Readonly<Record<string, Bound>>>;
