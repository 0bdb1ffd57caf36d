/**
 * One execution of a compiled operation: what it gathers, what failed, and what it still waits for. Values that are
 * there are completed at once; one that is promised is written into its place when it comes, so that nothing above it
 * has to be a promise too.
 */
import { GraphQLError, locatedError, type FieldNode, type GraphQLResolveInfo } from 'graphql';
import type { Path } from 'graphql/jsutils/Path.js';
import type { Budget } from '#subgraphs/shared/budget.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { holdBatches } from '#subgraphs/shared/request-loader.ts';
import { isStretchOver, nextTurn, pace } from '#subgraphs/shared/turns.ts';
import { toldError } from '#gateway/respond/told-error.ts';
import { cancelled } from '../run/fetch-errors.ts';
import type { StreamRequest } from '../clients/subgraph-client.ts';
import type { JsonObject } from '../json-object.ts';
import type { AsyncItems } from './async-items.ts';

/** What is known of a place before there is a value: of a field, or of the items of its list. */
export interface Position {
  readonly nullable: boolean;
  /** The object type that has the field; undefined for an item. */
  readonly typename: string | undefined;
  /** `Type.field`, as errors name it. */
  readonly name: string;
  readonly nodes: readonly FieldNode[];
  /**
   * Completes a value that is there: not null, not a promise, not an error.
   * @returns the completed value; {@link PENDING}; or undefined when a null that is not allowed took it away, whose
   *   error is reported
   * @throws what is wrong with the value itself
   */
  readonly complete: Complete;
}

export type Complete = (value: unknown, up: Frame | undefined, key: string | number, run: Run) => unknown;

/** Says that a value will be written into its place later. */
export const PENDING = Symbol('pending');

/** The place of a list, of an object, or of a value that is awaited. Leaves that are there have none. */
export class Frame {
  /** Undefined for the fields of the root. */
  readonly up: Frame | undefined;
  readonly key: string | number;
  readonly position: Position;
  /** The list or object that stands here. */
  readonly value: JsonObject | unknown[] | undefined;
  /** A null took the place of what stood here: what comes later is for nobody. */
  gone = false;
  #path: Path | undefined = undefined;

  constructor(up: Frame | undefined, key: string | number, position: Position, value?: JsonObject | unknown[]) {
    this.up = up;
    this.key = key;
    this.position = position;
    this.value = value;
  }

  /** The place as resolvers know it. */
  get path(): Path {
    return (this.#path ??= { prev: this.up?.path, key: this.key, typename: this.position.typename });
  }
}

/** What all executions of one operation share and `info` tells. */
export type OperationInfo = Pick<GraphQLResolveInfo, 'schema' | 'fragments' | 'operation'>;

export class Run {
  readonly about: OperationInfo;
  readonly context: RequestContext;
  readonly variables: Record<string, unknown>;
  readonly rootValue: unknown;
  readonly errors: GraphQLError[] = [];
  /** The answer, which grows; null when a null reached the root. */
  data: JsonObject | null = null;
  /** Arguments with variables or lists in them, coerced once for this run. */
  arguments: Map<object, Record<string, unknown>> | undefined = undefined;
  /** Bytes of text gathered and not charged yet. */
  bytes = 0;
  /** Others wait for their turn: what would take long is to be {@link postpone}d. */
  isDue = false;
  /** Lists that may be given item by item. */
  readonly streams: readonly StreamRequest[] | undefined;
  readonly signal: AbortSignal | undefined;
  /** Lists that are read while the answer is made. */
  #readers: Set<AsyncItems> | undefined = undefined;
  readonly #budget: Budget | undefined;
  #objects = 0;
  #pending = 0;
  #ended = false;
  #settled: (() => void) | undefined = undefined;
  #crashed: ((error: unknown) => void) | undefined = undefined;
  #crash: { readonly error: unknown } | undefined = undefined;
  /** What has been postponed in this turn, the innermost first. */
  readonly #fresh: (() => void)[] = [];
  #goesOn = false;

  constructor(
    about: OperationInfo,
    context: RequestContext,
    variables: Record<string, unknown>,
    rootValue: unknown,
    signal: AbortSignal | undefined,
    streams?: readonly StreamRequest[],
  ) {
    this.about = about;
    this.context = context;
    this.variables = variables;
    this.rootValue = rootValue;
    this.signal = signal;
    this.streams = streams;
    this.#budget = context.budget;
  }

  /**
   * Counts an object, or so many leaves as are worth one.
   * @returns false when nobody wants more: the budget is spent
   */
  count(): boolean {
    return ++this.#objects < pace.objects || this.charge();
  }

  /** Charges the budget with what has been counted. @returns false when it is spent */
  charge(): boolean {
    if (isStretchOver()) this.isDue = true;
    return this.gather();
  }

  /** The same without a look at the clock, when nothing is left to do. */
  gather(): boolean {
    const objects = this.#objects;
    const bytes = this.bytes;
    this.#objects = 0;
    this.bytes = 0;
    return !this.#ended && this.#budget?.gather(objects, bytes) !== false;
  }

  /** Leaves work to a later turn; the run is not settled before it is done. */
  postpone(work: () => void): void {
    this.#pending += 1;
    this.#fresh.push(work);
    if (!this.#goesOn) void this.#goOn();
  }

  /** Does what is postponed in the order in which it would have been done at once: the innermost first. */
  async #goOn(): Promise<void> {
    this.#goesOn = true;
    const stack: (() => void)[] = [];
    const fresh = this.#fresh;
    const release = holdBatches(this.context);
    while (stack.length > 0 || fresh.length > 0) {
      await nextTurn(this.context.principal.tenantId, this.context.began);
      this.isDue = false;
      if (this.#budget?.failure !== undefined || this.signal?.aborted === true) this.end();
      do {
        while (fresh.length > 0) stack.push(fresh.pop()!);
        this.#do(stack.pop()!);
        this.#pending -= 1;
      } while ((stack.length > 0 || fresh.length > 0) && !this.isDue);
    }
    this.#goesOn = false;
    release();
    if (this.#pending === 0) this.#settled?.();
  }

  #do(work: () => void): void {
    if (this.#ended) return;
    try {
      work();
    } catch (error) {
      this.#crash = { error };
      this.#crashed?.(error);
    }
  }

  /** Ends the reader with the run, where the run ends without data. */
  follow(reader: AsyncItems): void {
    (this.#readers ??= new Set()).add(reader);
  }

  unfollow(reader: AsyncItems): void {
    this.#readers?.delete(reader);
  }

  /** Whether nobody wants more of it. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Whether everything asked so far is there. */
  get isSettled(): boolean {
    return this.#ended || this.#pending === 0;
  }

  /** Waits until everything asked so far is there. */
  settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#crash !== undefined) return reject(this.#crash.error as Error);
      if (this.isSettled) return resolve();
      this.#settled = resolve;
      this.#crashed = reject;
    });
  }

  /** Ends without data: a null reached the root. */
  end(): void {
    this.data = null;
    this.#ended = true;
    for (const reader of this.#readers ?? []) reader.end();
    this.#settled?.();
  }

  /** Notes a field's error. */
  report(error: unknown, nodes: readonly FieldNode[], up: Frame | undefined, key: string | number): void {
    this.errors.push(errorAt(error, nodes, pathTo(up, key)));
  }

  /**
   * Has the value of a promise completed and written when it comes.
   * @param complete what is made of it; by default what the position makes of values
   */
  wait(promise: PromiseLike<unknown>, frame: Frame, complete?: (value: unknown) => unknown): typeof PENDING {
    this.#pending += 1;
    // Promise.resolve: a thenable of someone's own could call back at once, or twice.
    Promise.resolve(promise).then(
      (value) => this.#arrived(frame, value, complete),
      (error: unknown) => this.#arrived(frame, undefined, () => rethrow(error)),
    );
    return PENDING;
  }

  #arrived(frame: Frame, value: unknown, complete: ((value: unknown) => unknown) | undefined): void {
    if (this.isDue) this.postpone(() => this.#place(frame, value, complete));
    else this.#place(frame, value, complete);
    this.#pending -= 1;
    if (this.#pending === 0) this.#settled?.();
  }

  #place(frame: Frame, value: unknown, complete: ((value: unknown) => unknown) | undefined): void {
    try {
      const { up, key, position } = frame;
      // What would stand below a null is for nobody, and neither are its errors.
      if (!this.#ended && !isGone(up)) {
        const left = this.signal;
        const completed =
          left?.aborted === true
            ? completeWith(position, value, up, key, this, () => rethrow(cancelled(left)))
            : complete === undefined
              ? completeAt(position, value, up, key, this)
              : completeWith(position, value, up, key, this, complete);
        if (completed === undefined) this.remove(up);
        else if (completed !== PENDING) this.#write(up, key, completed);
      }
    } catch (error) {
      this.#crash = { error };
      this.#crashed?.(error);
    }
  }

  /** Puts null where the nearest null may stand. */
  remove(from: Frame | undefined): void {
    for (let frame = from; frame !== undefined; frame = frame.up) {
      if (frame.gone) return;
      frame.gone = true;
      if (frame.position.nullable) return this.#write(frame.up, frame.key, null);
    }
    this.end();
  }

  #write(up: Frame | undefined, key: string | number, value: unknown): void {
    const container = (up === undefined ? this.data : up.value) as JsonObject | null;
    if (container !== null) container[key] = value;
  }
}

/**
 * Completes whatever a resolver or a list gave for a place. Like {@link Position.complete}, but never throws, and gives
 * null where it may.
 */
export function completeAt(
  position: Position,
  value: unknown,
  up: Frame | undefined,
  key: string | number,
  run: Run,
): unknown {
  let completed: unknown;
  try {
    if (value === null || value === undefined) completed = null;
    else if (isPromise(value)) return run.wait(value, new Frame(up, key, position));
    else if (value instanceof Error) throw value;
    else completed = position.complete(value, up, key, run);
  } catch (error) {
    run.report(error, position.nodes, up, key);
    completed = undefined;
  }
  return completed ?? absent(completed, position, up, key, run);
}

function completeWith(
  position: Position,
  value: unknown,
  up: Frame | undefined,
  key: string | number,
  run: Run,
  complete: (value: unknown) => unknown,
): unknown {
  let completed: unknown;
  try {
    completed = complete(value);
  } catch (error) {
    run.report(error, position.nodes, up, key);
  }
  return completed ?? absent(completed, position, up, key, run);
}

/** What stands where there is no value: null, or undefined where that is not allowed. */
export function absent(
  completed: null | undefined,
  position: Position,
  up: Frame | undefined,
  key: string | number,
  run: Run,
): null | undefined {
  if (position.nullable) return null;
  if (completed === null)
    run.report(new Error(`Cannot return null for non-nullable field ${position.name}.`), position.nodes, up, key);
  return undefined;
}

export const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function';

export function isGone(from: Frame | undefined): boolean {
  for (let frame = from; frame !== undefined; frame = frame.up) if (frame.gone) return true;
  return false;
}

function pathTo(up: Frame | undefined, key: string | number): (string | number)[] {
  const path = [key];
  for (let frame = up; frame !== undefined; frame = frame.up) path.push(frame.key);
  return path.reverse();
}

function rethrow(error: unknown): never {
  throw error;
}

/** `locatedError` of graphql-js, but without a stack of its own, nor that of the resolver's error written at once. */
function errorAt(error: unknown, nodes: readonly FieldNode[], path: readonly (string | number)[]): GraphQLError {
  const isWhole = error instanceof GraphQLError && (error.path !== undefined || error.source !== undefined);
  if (!(error instanceof Error) || isWhole) return locatedError(error, nodes as FieldNode[], path);
  const { extensions } = error as { extensions?: unknown };
  return toldError(error.message, {
    nodes: error instanceof GraphQLError ? (error.nodes ?? nodes) : nodes,
    path,
    originalError: error,
    extensions: typeof extensions === 'object' && extensions !== null ? { ...extensions } : undefined,
  });
}
