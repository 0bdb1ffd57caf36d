/** A list whose items are answered as they come, batch by batch: fetched for, shaped, and only as fast as they are read. */
import type { GraphQLError } from 'graphql';
import type { Path } from '#gateway/respond/response-errors.ts';
import { ResponseErrors } from '#gateway/respond/response-errors.ts';
import type { DeferredPart } from '#gateway/respond/shape.ts';
import { toldError } from '#gateway/respond/told-error.ts';
import type { ItemBatch } from '../clients/subgraph-client.ts';
import { emptyObject, isObject, type JsonObject } from '../json-object.ts';
import type { PreparedOperation } from '../prepared-operations.ts';
import type { ExecutableNode } from '../run/executable-plan.ts';
import { ErrorReporter } from '../run/error-reporter.ts';
import { mergedItems } from '../run/merge.ts';
import type { PlanRun } from '../run/plan-run.ts';
import { objectsAt } from '../run/positions.ts';
import { runNode } from '../run/run-plan.ts';
import type { OpenedList } from '../run/streaming.ts';
import type { Answerer } from './answerer.ts';
import { Deferral, type Changes } from './deferral.ts';
import type { PartSource } from './part-source.ts';

/** Items that are ready to be told. */
export interface ReadyItems {
  readonly items: readonly unknown[];
  /** The place of the first in the list. */
  readonly from: number;
  /** Of what the items have, with the places of the batch; and what is deferred in them. */
  readonly source: PartSource;
  readonly parts: readonly DeferredPart[];
  /** Whether they are the last. */
  readonly done: boolean;
  /** Why there are no more, where the list has not come to its end. Paths are the answer's. */
  readonly failure: readonly GraphQLError[] | undefined;
}

/** The answer that a list belongs to. */
export interface StreamedAnswer {
  readonly answerer: Answerer;
  readonly prepared: PreparedOperation;
  readonly node: ExecutableNode | undefined;
  /** The run that opened it. */
  readonly run: PlanRun;
  readonly changes: Changes;
  /** How many errors have been told so far. */
  told(): number;
}

/** Gives the lists that a run has opened so far, each as the same object every time. */
export function streamedLists(answer: Omit<StreamedAnswer, 'told'>): (told: () => number) => readonly StreamedList[] {
  const lists: StreamedList[] = [];
  return (told) => {
    for (const opened of answer.run.streaming?.opened.slice(lists.length) ?? [])
      lists.push(new StreamedList(opened, { ...answer, told }));
    return lists;
  };
}

export class StreamedList {
  readonly label: string | undefined;
  /** Where the list is in the answer. */
  readonly path: Path;
  readonly #list: OpenedList;
  readonly #answer: StreamedAnswer;
  #count = 0;
  #state: 'idle' | 'reading' | 'ready' | 'done' = 'idle';
  #ready: ReadyItems | undefined;
  #fault: { readonly error: unknown } | undefined;

  constructor(list: OpenedList, answer: StreamedAnswer) {
    const { responseNames } = answer.prepared;
    this.#list = list;
    this.#answer = answer;
    this.label = list.field.label;
    this.path = list.field.path.map((key) => responseNames.get(key) ?? key);
  }

  /** Whether more may come. */
  get isOpen(): boolean {
    return this.#state !== 'done';
  }

  /** How many items have been told. */
  get count(): number {
    return this.#count;
  }

  /** Reads on behind the first items. @param count how many of them the answer has */
  start(count: number): void {
    this.#count = count;
    this.#readOn();
  }

  /**
   * The items that are ready; reads on while they are told.
   * @throws CodedError when the budget is spent; what is a fault of the engine's own
   */
  take(): ReadyItems | undefined {
    if (this.#fault !== undefined) throw this.#fault.error;
    const ready = this.#ready;
    if (ready === undefined) return undefined;
    this.#ready = undefined;
    this.#count += ready.items.length;
    if (ready.done) this.#state = 'done';
    else this.#readOn();
    return ready;
  }

  /** Ends it: nobody wants more. */
  end(): void {
    this.#state = 'done';
    this.#list.items.end();
  }

  #readOn(): void {
    this.#state = 'reading';
    this.#read().then(
      (ready) => {
        if (this.#state === 'done') return;
        this.#ready = ready;
        this.#state = 'ready';
        this.#answer.changes.tell();
      },
      (error: unknown) => {
        this.#fault = { error };
        this.#answer.changes.tell();
      },
    );
  }

  async #read(): Promise<ReadyItems> {
    const { answerer, prepared, node, run: first, changes, told } = this.#answer;
    const { items, behind, field, parts: within } = this.#list;
    // What loaders read for one batch is not kept for all of them.
    const context = { ...first.context };
    const batch = await items.take(answerer.batch.items, answerer.batch.waitMs, context);
    const deferral = new Deferral(changes);
    const run = answerer.begin(prepared, first.variables, context, undefined, {
      deferral,
      only: behind,
      told: told(),
    });
    this.#place(batch.items, run);
    this.#report(batch.errors, run);
    if (node !== undefined && batch.items.length > 0) {
      await runNode(node, run);
      // What the list itself was deferred with is no part of its own any more.
      await deferral.settled(within);
    }
    if (context.budget?.failure !== undefined) throw context.budget.failure;

    const from = this.#count;
    const introspect = await answerer.introspect(prepared, run);
    const parts: DeferredPart[] = [];
    const shaped = prepared.shape.applyItems(run.data, field.path, run.errors, introspect, parts);
    const depth = this.path.length;
    const source: PartSource = {
      errors: run.errors,
      introspect,
      deferral,
      moved: (path) => path.map((part, index) => (index === depth ? (part as number) + from : part)),
    };
    // An item may be lost to what other subgraphs know of it, too.
    const isCut = shaped.length < batch.items.length;
    if (isCut) this.#list.items.end();
    const failure = isCut ? lostWith(shaped.length, depth, source) : this.#failureOf(batch, run, source);
    return { items: shaped, from, source, parts, done: batch.done || isCut, failure };
  }

  /** Puts the items where the list is, beneath copies of what is around it. */
  #place(items: readonly unknown[], { data, types }: PlanRun): void {
    const { field, shape } = this.#list;
    let object = Object.assign(data, this.#answer.run.data);
    for (const key of field.path.slice(0, -1)) {
      const copy: JsonObject = Object.assign(emptyObject(), isObject(object[key]) ? object[key] : {});
      object[key] = copy;
      object = copy;
    }
    object[field.path.at(-1)!] = mergedItems(items, shape, types);
  }

  #report(errors: readonly GraphQLError[], run: PlanRun): void {
    if (errors.length === 0) return;
    const { fetch } = this.#list;
    const reporter = new ErrorReporter(fetch, run);
    const objects = objectsAt(run.data, fetch.path, run.types);
    if (fetch.representations === undefined) reporter.reportRoot(errors, objects);
    else
      reporter.reportEntities(
        errors,
        objects,
        objects.map(() => 0),
      );
  }

  #failureOf({ failure }: ItemBatch, run: PlanRun, { moved }: PartSource): readonly GraphQLError[] | undefined {
    if (failure === undefined) return undefined;
    const errors = new ResponseErrors(run.context.budget);
    this.#report(failure, { ...run, errors });
    return errors.list.map((error) => movedError(error, moved));
  }
}

/** The errors of the item that is missing. */
function lostWith(index: number, depth: number, { errors, moved }: PartSource): readonly GraphQLError[] {
  return errors.list
    .filter((error) => [...errors.placesOf(error)].some((place) => place[depth] === index))
    .map((error) => movedError(error, moved));
}

/** The error at its place in the answer. */
export function movedError(error: GraphQLError, moved: (path: Path) => Path): GraphQLError {
  const { message, nodes, path, originalError, extensions } = error;
  return toldError(message, { nodes, path: path && moved(path), originalError, extensions });
}
