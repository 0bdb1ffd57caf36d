/** The errors of one answer while it is being made. */
import type { GraphQLError } from 'graphql';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Budget } from '#subgraphs/shared/budget.ts';
import { RESPOND } from '#gateway/bounds/respond.ts';
import { toldError, type ToldErrorParts } from './told-error.ts';

/** A path in the answer: response names and list indices. */
export type Path = readonly (string | number)[];

/** An error that is to be told, at whatever place. */
export interface Failure extends Omit<ToldErrorParts, 'path'> {
  readonly message: string;
}

/** A failure that may have cost several places. */
interface Told {
  /** Where it is in the list. */
  readonly index: number;
  /** By their texts. */
  readonly places: Map<string, Path>;
  /** What leads to all of them. */
  readonly common: Path;
}

/** Collects errors up to a bound, and knows which nulls they explain. */
export class ResponseErrors {
  /** Of the answer, of which errors are a part. */
  readonly budget: Budget | undefined;
  /** How many are told. */
  readonly #most: number;
  readonly #list: GraphQLError[] = [];
  #isFull = false;
  // Most answers have no errors: what follows is made with the first that needs it.
  #known: Set<string> | undefined;
  /** By what failed, and by what was said. */
  #failures: Map<object, Map<string, Told>> | undefined;
  /** The places of errors that have several. */
  #places: Map<GraphQLError, Map<string, Path>> | undefined;
  /** Texts of the paths of all errors, and of all that leads to them; made when first asked for. */
  #index: { leading: Set<string>; exact: Set<string> } | undefined;

  /** @param told how many errors of the same answer there are besides */
  constructor(budget?: Budget, told = 0) {
    this.budget = budget;
    this.#most = (budget?.limits.errors ?? Infinity) - told;
  }

  /** What the client is told, in order. Where something was left out, the last says so. */
  get list(): readonly GraphQLError[] {
    return this.#list;
  }

  /** Whether one has been left out: so will be all that come after it, and nobody need look for them. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** @throws CodedError `QUERY_TOO_COSTLY` when the answer has become too large by its errors */
  add(message: string, parts: ToldErrorParts): void {
    if (this.#list.length >= this.#most) {
      if (!this.#isFull) this.#list.push(tooMany(this.budget!.limits.errors!));
      this.#isFull = true;
      return;
    }
    this.budget?.write(1, message.length + RESPOND.errorBytes);
    const error = toldError(message, parts);
    this.#list.push(error);
    if (this.#index !== undefined && error.path !== undefined) addTo(this.#index, error.path);
  }

  /**
   * Adds the error at `path`, unless the same is there already: an error of something that only the plan fetched moves
   * up to what the client selected, where several may meet.
   */
  addOnce({ message, ...parts }: Failure, path: Path): void {
    const key = JSON.stringify([path, message, parts.extensions?.code]);
    this.#known ??= new Set();
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.add(message, { ...parts, path: path.length === 0 ? undefined : path });
  }

  /**
   * Adds one error for all places that a failure left without a value: at the path that leads to all of them, with their
   * number in `extensions.affected`; at the place itself where it is one.
   * @param of what failed: what is said of the same again, such as by another batch of a fetch, is told with it
   * @param areDue whether the places are what became of earlier ones that lead to them: of what only the plan fetched, and
   *   they require
   */
  addFailure(of: object, { message, ...parts }: Failure, places: Iterable<Path>, areDue = false): void {
    this.#failures ??= new Map();
    let byText = this.#failures.get(of);
    if (byText === undefined) this.#failures.set(of, (byText = new Map<string, Told>()));
    const text = JSON.stringify([message, parts.extensions?.code]);
    const known = byText.get(text);
    const all = known?.places ?? new Map<string, Path>();
    let common = known?.common;
    for (const place of places) {
      const key = JSON.stringify(place);
      if (all.has(key)) continue;
      all.set(key, place);
      common = common === undefined ? place : commonPath(common, place);
    }
    if (areDue && common !== undefined && leaveOutLeading(all)) common = [...all.values()].reduce(commonPath);
    if (common === undefined) return;
    const told: ToldErrorParts = {
      ...parts,
      path: common.length === 0 ? undefined : common,
      extensions: { ...parts.extensions, ...(all.size > 1 && { affected: all.size }) },
    };
    const index = known?.index ?? this.#list.length;
    if (known !== undefined) this.#list[index] = toldError(message, told);
    else this.add(message, told);
    const error = this.#list[index];
    if (error === undefined || (known === undefined && this.#isFull)) return; // One too many.
    byText.set(text, { index, places: all, common });
    (this.#places ??= new Map<GraphQLError, Map<string, Path>>()).set(error, all);
    this.#index = undefined;
  }

  /** Where the answer lacks something because of the error. */
  placesOf(error: GraphQLError): Iterable<Path> {
    return this.#places?.get(error)?.values() ?? [error.path ?? []];
  }

  /** Whether an error at, above or below `path` says why there is nothing at `path`. */
  explains(path: Path): boolean {
    // What is not told any more may be what explains it.
    if (this.#isFull) return true;
    if (this.#list.length === 0) return false;
    if (this.#index === undefined) {
      this.#index = { leading: new Set(), exact: new Set() };
      for (const error of this.#list) for (const place of this.placesOf(error)) addTo(this.#index, place);
    }
    const { leading, exact } = this.#index;
    if (leading.has(JSON.stringify(path))) return true;
    for (let length = path.length; length > 0; length--)
      if (exact.has(JSON.stringify(path.slice(0, length)))) return true;
    return false;
  }
}

function tooMany(most: number): GraphQLError {
  const error = new CodedError('TOO_MANY_ERRORS', `More than ${most} places of the answer failed; no more are told.`, {
    hint: 'Ask for smaller pages or fewer fields.',
  });
  return toldError(error.message, { originalError: error, extensions: error.extensions });
}

function addTo(index: { leading: Set<string>; exact: Set<string> }, path: Path): void {
  index.exact.add(JSON.stringify(path));
  for (let length = path.length; length > 0; length--) index.leading.add(JSON.stringify(path.slice(0, length)));
}

/** @returns whether there were places that lead to others */
function leaveOutLeading(places: Map<string, Path>): boolean {
  const { size } = places;
  for (const place of [...places.values()])
    for (let length = place.length - 1; length >= 0; length--) places.delete(JSON.stringify(place.slice(0, length)));
  return places.size < size;
}

/** What both paths begin with. */
function commonPath(one: Path, other: Path): Path {
  let length = 0;
  while (length < one.length && length < other.length && one[length] === other[length]) length += 1;
  return length === one.length ? one : one.slice(0, length);
}
