/** The errors of one answer while it is being made. */
import type { GraphQLError } from 'graphql';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Budget } from '#subgraphs/shared/budget.ts';
import { RESPOND } from '#gateway/bounds/respond.ts';
import { toldError } from './told-error.ts';

/** A path in the answer: response names and list indices. */
export type Path = readonly (string | number)[];

/** Collects errors, and knows which nulls they explain. */
export class ResponseErrors {
  readonly list: GraphQLError[] = [];
  /** Of the answer, of which errors are a part. */
  readonly budget: Budget | undefined;
  readonly #known = new Set<string>();
  #isFull = false;
  /** Texts of the paths of all errors, and of all that leads to them; made when first asked for. */
  #index: { leading: Set<string>; exact: Set<string> } | undefined;

  constructor(budget?: Budget) {
    this.budget = budget;
  }

  /** Whether one has been left out: so will be all that come after it, and nobody need look for them. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** @throws CodedError `QUERY_TOO_COSTLY` when the answer has become too large by its errors */
  add(error: GraphQLError): void {
    const most = this.budget?.limits.errors ?? Infinity;
    if (this.list.length >= most) {
      if (!this.#isFull) this.list.push(tooMany(most));
      this.#isFull = true;
      return;
    }
    this.budget?.write(1, error.message.length + RESPOND.errorBytes);
    this.list.push(error);
    if (this.#index !== undefined) addTo(this.#index, error);
  }

  /**
   * Adds the error at `path`, unless the same is there already: an error of something that only the plan fetched moves
   * up to what the client selected, where several may meet.
   */
  addOnce(error: GraphQLError, path: Path): void {
    const key = JSON.stringify([path, error.message, error.extensions.code]);
    if (this.#known.has(key)) return;
    this.#known.add(key);
    const at = path.length === 0 ? undefined : path;
    this.add(
      toldError(error.message, {
        nodes: error.nodes,
        path: at,
        originalError: error.originalError,
        extensions: error.extensions,
      }),
    );
  }

  /** Whether an error at, above or below `path` says why there is nothing at `path`. */
  explains(path: Path): boolean {
    if (this.list.length === 0) return false;
    if (this.#isFull) return true;
    if (this.#index === undefined) {
      this.#index = { leading: new Set(), exact: new Set() };
      for (const error of this.list) addTo(this.#index, error);
    }
    const { leading, exact } = this.#index;
    if (leading.has(JSON.stringify(path))) return true;
    for (let length = path.length; length >= 0; length--)
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

function addTo(index: { leading: Set<string>; exact: Set<string> }, { path }: GraphQLError): void {
  if (path === undefined) return;
  index.exact.add(JSON.stringify(path));
  for (let length = path.length; length > 0; length--) index.leading.add(JSON.stringify(path.slice(0, length)));
}
