/** What the two sides of a comparison have in common: one is asked an operation, and says what came of it and what it cost. */
import type { DocumentNode, ExecutionResult, GraphQLSchema } from 'graphql';

/** One recorded operation. */
export interface RecordedOperation {
  /** Names it in reports: its file, or its place in a log, with its own name. */
  readonly title: string;
  readonly query: string;
  readonly operationName?: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** An answer as clients get it. */
export interface Answered {
  readonly data?: unknown;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions?: { readonly code?: unknown };
  }[];
}

/** What one operation came to on one side. */
export interface Outcome {
  /** Absent where there was none: see {@link failure}. */
  readonly answer?: Answered;
  /** Why there was no answer. */
  readonly failure?: string;
  /** Wall time, in milliseconds. */
  readonly ms: number;
  /** CPU time of the side's own process, in milliseconds; absent of a gateway that runs elsewhere. */
  readonly cpuMs?: number;
  /** Requests to subgraphs, by name; absent of a gateway that runs elsewhere. */
  readonly fetches?: Readonly<Record<string, number>>;
}

export interface Side extends AsyncDisposable {
  /** What reports call it. */
  readonly name: string;
  /** Never rejects: what goes wrong is the outcome. */
  ask(operation: RecordedOperation): Promise<Outcome>;
}

/** How the two engines of this machine are set up. */
export interface EngineSetting {
  readonly supergraphSdl: string;
  /** Where each of its subgraphs answers, by name. */
  readonly urls: Readonly<Record<string, string>>;
  /** Sent to every subgraph. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An engine in a process of its own: answers, and tells whom it asked. */
export interface EngineOfSide {
  /** What operations are validated against. */
  readonly schema: GraphQLSchema;
  /** Runs an operation that is valid. */
  execute(document: DocumentNode, operation: RecordedOperation, signal: AbortSignal): Promise<ExecutionResult>;
  /** Requests to subgraphs since it was asked last, by name. */
  takeFetches(): Record<string, number>;
}

/** Counts requests by subgraph. */
export class FetchCount {
  #counts: Record<string, number> = {};

  add(subgraph: string): void {
    this.#counts[subgraph] = (this.#counts[subgraph] ?? 0) + 1;
  }

  take(): Record<string, number> {
    const counts = this.#counts;
    this.#counts = {};
    return counts;
  }
}
