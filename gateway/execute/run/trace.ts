/** What an operation's plan did, for `extensions.trace`. Made only when asked for. */
import { Scoped } from '#subgraphs/shared/scoped.ts';
import { PartCounter, type RequestContext } from '#subgraphs/shared/context.ts';
import type { ExecutableFetch, ExecutableNode } from './executable-plan.ts';
import type { CallReport } from '../clients/subgraph-client.ts';

/** One node of the plan as it ran. Times are in milliseconds. */
export type TraceNode =
  | { kind: 'Sequence' | 'Parallel'; nodes: TraceNode[] }
  | { kind: 'Defer'; primary?: TraceNode; deferred: TraceNode[] }
  | { kind: 'Condition'; variable: string; then?: TraceNode; otherwise?: TraceNode }
  | FetchTrace;

export interface FetchTrace {
  kind: 'Fetch';
  service: string;
  /** Where its answers went; `@` stands for every item of a list. Absent at the root. */
  path?: string;
  /** The operation sent, without values. */
  operation: string;
  /** False when it had nothing to ask, or its condition did not hold. */
  ran: boolean;
  /** From the operation's start. */
  startMs?: number;
  durationMs?: number;
  /** Objects asked about; absent at the root. */
  objects?: number;
  /** Distinct representations sent for them. */
  representations?: number;
  /** Calls to the subgraph: more than one when representations were split, none when another fetch's answer served. */
  calls?: number;
  /** Bytes of its requests and answers as they went over the wire; of subgraphs elsewhere only, and so the next two. */
  sentBytes?: number;
  receivedBytes?: number;
  /**
   * How often its calls were sent: more than calls after a retry, fewer where another request's equal call under way
   * served.
   */
  attempts?: number;
  /** The state of the subgraph's circuit breaker afterwards. */
  breaker?: CallReport['breaker'];
  /** Round trips to stores that this fetch caused, by store; of subgraphs in process only. */
  statements?: Record<string, number>;
  errors?: number;
}

export interface OperationTrace {
  planMs: number;
  durationMs: number;
  plan: TraceNode | null;
  /** Round trips to stores by the whole operation. */
  statements: Record<string, number>;
}

const currentFetch = new Scoped<FetchTrace>();

/** Counts for the fetch that caused the statement as well. */
class AttributingCounter extends PartCounter {
  override add(store: string, statements = 1): void {
    super.add(store, statements);
    const fetch = currentFetch.current;
    if (fetch === undefined) return;
    fetch.statements ??= {};
    fetch.statements[store] = (fetch.statements[store] ?? 0) + statements;
  }
}

/** Records one operation. */
export class TraceRecorder {
  /** The context that fetches must be given, so that their statements are seen. */
  readonly context: RequestContext;
  readonly #start = performance.now();
  readonly #fetches = new Map<ExecutableFetch, FetchTrace>();
  #planned = this.#start;

  constructor(context: RequestContext) {
    this.context = { ...context, statements: new AttributingCounter(context.statements) };
  }

  /** Marks the end of planning. */
  planned(): void {
    this.#planned = performance.now();
  }

  /** Runs a fetch's work under its record. */
  async record(fetch: ExecutableFetch, work: (trace: FetchTrace) => Promise<void>): Promise<void> {
    const trace = emptyTrace(fetch);
    this.#fetches.set(fetch, trace);
    const start = performance.now();
    trace.ran = true;
    trace.startMs = round(start - this.#start);
    await currentFetch.run(trace, () => work(trace));
    trace.durationMs = round(performance.now() - start);
  }

  finish(node: ExecutableNode | undefined): OperationTrace {
    return {
      planMs: round(this.#planned - this.#start),
      durationMs: round(performance.now() - this.#start),
      plan: node === undefined ? null : this.#describe(node),
      statements: this.context.statements.counts(),
    };
  }

  #describe(node: ExecutableNode): TraceNode {
    switch (node.kind) {
      case 'sequence':
        return { kind: 'Sequence', nodes: node.nodes.map((child) => this.#describe(child)) };
      case 'parallel':
        return { kind: 'Parallel', nodes: node.nodes.map((child) => this.#describe(child)) };
      case 'condition':
        return {
          kind: 'Condition',
          variable: node.variable,
          ...(node.then && { then: this.#describe(node.then) }),
          ...(node.otherwise && { otherwise: this.#describe(node.otherwise) }),
        };
      case 'defer':
        return {
          kind: 'Defer',
          ...(node.primary && { primary: this.#describe(node.primary) }),
          deferred: node.parts.flatMap((part) => (part.node === undefined ? [] : [this.#describe(part.node)])),
        };
      case 'fetch':
        return this.#fetches.get(node) ?? emptyTrace(node);
    }
  }
}

/** Adds what a call did. */
export function addReport(trace: FetchTrace, { sentBytes, receivedBytes, attempts, breaker }: CallReport): void {
  trace.sentBytes = (trace.sentBytes ?? 0) + sentBytes;
  trace.receivedBytes = (trace.receivedBytes ?? 0) + receivedBytes;
  trace.attempts = (trace.attempts ?? 0) + attempts;
  trace.breaker = breaker;
}

function emptyTrace(fetch: ExecutableFetch): FetchTrace {
  const path = fetch.path.map(({ key }) => key ?? '@').join('.');
  return { kind: 'Fetch', service: fetch.service, ...(path !== '' && { path }), operation: fetch.text, ran: false };
}

const round = (milliseconds: number): number => Math.round(milliseconds * 100) / 100;
