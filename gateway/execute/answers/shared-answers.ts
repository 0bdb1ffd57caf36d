/**
 * Answers to the events of subscriptions, made once for all subscribers who are to be told the same: who follow one
 * stream ({@link SharedEvents}), ask for the same fields, and are the same to every subgraph (tenant, subject, roles,
 * scopes).
 */
import { setMaxListeners } from 'node:events';
import {
  Kind,
  type ExecutionResult,
  type SelectionSetNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type ASTNode,
  visit,
} from 'graphql';
import { createRequestContext, type Principal, type RequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { SharedEvents } from '#subgraphs/shared/shared-events.ts';

/** Answers to events as a client of a subgraph can make them. */
export interface ShareableStream extends AsyncIterable<ExecutionResult> {
  readonly shareable: {
    readonly events: SharedEvents;
    /** What the subgraph answers to one of the events. Must not reject. */
    answer(event: object, context: RequestContext): ExecutionResult | Promise<ExecutionResult>;
  };
}

export const isShareable = (stream: AsyncIterable<ExecutionResult>): stream is ShareableStream => 'shareable' in stream;

/** The answer to one event, for everybody of a group. */
export class SharedAnswer {
  /** Undefined until it is there. Not to be changed: others send it too. */
  result: ExecutionResult | undefined;
  readonly #made: Promise<ExecutionResult> | undefined;
  #json: Buffer | undefined;

  constructor(made: ExecutionResult | Promise<ExecutionResult>) {
    if (!(made instanceof Promise)) {
      this.result = made;
      return;
    }
    this.#made = made.then((result) => (this.result = result));
  }

  /** Resolves once {@link result} is there. */
  ready(): Promise<ExecutionResult> {
    return this.result === undefined ? this.#made! : Promise.resolve(this.result);
  }

  /**
   * The result as JSON, encoded once; undefined where it has errors, of which each client sees its own. Call it once
   * {@link result} is there.
   */
  get json(): Buffer | undefined {
    if (this.result?.errors !== undefined) return undefined;
    return (this.#json ??= Buffer.from(writeJson(this.result)));
  }

  /** Bytes of {@link json}; 0 where there is none. */
  get size(): number {
    return this.json?.length ?? 0;
  }
}

/**
 * How transports that can send one answer to many read a stream, in the place of its own `next()`. `return()` ends it
 * as ever.
 */
export interface Delivery {
  readonly events: SharedEvents;
  /** The answer to one of the events, the same object for everybody who is to be told the same. */
  answer(event: object): SharedAnswer;
  /** The last answer where the events fail. */
  failed(error: unknown): ExecutionResult;
  /** Makes a result with errors fit for this client. */
  fit(result: ExecutionResult): ExecutionResult;
}

/** What an engine and those who wrap its streams give where events are shared. */
export interface DeliverableStream extends AsyncIterableIterator<ExecutionResult> {
  readonly delivery: Delivery;
}

export const isDeliverable = (stream: unknown): stream is DeliverableStream =>
  typeof stream === 'object' && stream !== null && 'delivery' in stream;

/** Those for whom answers are made once. */
export interface Group {
  /** The answer to the event, made when it is first asked for and kept as long as the event is. */
  answer(event: object): SharedAnswer;
  /** To be called once by everybody who joined; the last ends what is under way. */
  leave(): void;
}

/** Makes the answer to an event for a group. Must not reject. */
export type Answerer = (event: object, context: RequestContext) => ExecutionResult | Promise<ExecutionResult>;

interface OpenGroup {
  members: number;
  readonly answers: WeakMap<object, SharedAnswer>;
  readonly answer: (event: object) => ExecutionResult | Promise<ExecutionResult>;
  readonly ending: AbortController;
}

/** All groups of an engine. */
export class Groups {
  readonly #open = new Map<string, OpenGroup>();

  /**
   * @param what all that answers depend on besides the event and the caller, as text
   * @param context of the one who joins; answers are made under a context of the group's, which ends with its last
   *   member
   */
  join(what: string, context: RequestContext, answerer: Answerer): Group {
    const key = `${callerKey(context.principal)}\n${what}`;
    const group = this.#open.get(key) ?? this.#begin(context, answerer);
    this.#open.set(key, group);
    group.members += 1;
    let left = false;
    return {
      answer: (event) => {
        let answer = group.answers.get(event);
        if (answer === undefined) {
          answer = new SharedAnswer(group.answer(event));
          group.answers.set(event, answer);
        }
        return answer;
      },
      leave: () => {
        if (left) return;
        left = true;
        group.members -= 1;
        if (group.members > 0) return;
        this.#open.delete(key);
        group.ending.abort();
      },
    };
  }

  #begin({ principal, requestId, headers, budget, span }: RequestContext, answerer: Answerer): OpenGroup {
    const ending = new AbortController();
    setMaxListeners(0, ending.signal); // Every answer under way listens.
    return {
      members: 0,
      answers: new WeakMap(),
      ending,
      // A context of its own for each event: what loaders read for one must not serve the next.
      answer: (event) =>
        answerer(
          event,
          createRequestContext(principal, {
            requestId,
            headers,
            budget: budget?.renewed(),
            signal: ending.signal,
            // Made once for all, it is shown once: in the trace of who was the first.
            span,
          }),
        ),
    };
  }
}

/** Headers of a request that every request has its own of, and that no subgraph is told. */
const OF_ONE_REQUEST = /^(sec-websocket-.*|connection|upgrade|host|content-length|x-request-id|last-event-id)$/;

/**
 * What of a request may be passed on to other subgraphs, as text: callers who differ in it may be told different things
 * there.
 */
export const headersKey = ({ headers = {} }: RequestContext): string =>
  JSON.stringify(
    Object.entries(headers)
      .filter(([name]) => !OF_ONE_REQUEST.test(name))
      .sort(([left], [right]) => (left < right ? -1 : 1)),
  );

const callerKey = ({ tenantId, subject, roles, scopes, system }: Principal): string =>
  JSON.stringify([tenantId, subject, roles, scopes, system === true]);

/**
 * The variables on which the answer to an event may depend: all but those that only the root field's arguments name.
 */
export function variablesBelowRoot({
  operation,
  fragments,
}: {
  operation: OperationDefinitionNode;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
}): readonly string[] {
  const names = new Set<string>();
  const seen = new Set<string>();
  const spread = (name: string, root: boolean): void => {
    const key = `${root} ${name}`;
    if (seen.has(key)) return;
    seen.add(key);
    const fragment = fragments.get(name);
    if (fragment !== undefined) (root ? rootSelections : below)(fragment.selectionSet);
  };
  const below = (node: ASTNode): void => {
    visit(node, {
      Variable: ({ name }) => void names.add(name.value),
      FragmentSpread: ({ name }) => spread(name.value, false),
    });
  };
  const rootSelections = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      for (const directive of selection.directives ?? []) below(directive);
      if (selection.kind === Kind.FRAGMENT_SPREAD) spread(selection.name.value, true);
      else if (selection.kind === Kind.INLINE_FRAGMENT) rootSelections(selection.selectionSet);
      else if (selection.selectionSet !== undefined) below(selection.selectionSet);
    }
  };
  rootSelections(operation.selectionSet);
  return [...names].sort();
}
