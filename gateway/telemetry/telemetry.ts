/** What is told to whoever watches the server: metrics and traces. */
import type { StatementObserver } from '#subgraphs/shared/context.ts';
import type { ModelObserver } from '#subgraphs/shared/model-observer.ts';
import type { Span } from '#subgraphs/shared/span.ts';
import type { TELEMETRY } from '#gateway/bounds/telemetry.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import type { Collected } from './metrics.ts';
import type { Watched } from './watched.ts';

export interface TelemetryOptions {
  /** Whether somebody reads metrics at `/metrics`. */
  readonly metrics: boolean;
  /** Where metrics, traces and logs are sent by OTLP over HTTP; undefined for nowhere. */
  readonly otlp:
    | {
        /** The address before `/v1/traces`. */
        readonly endpoint: string;
        /** Asked before they are sent: they may hold secrets, which are renewed. */
        readonly headers: () => Readonly<Record<string, string>>;
        readonly metrics: boolean;
        readonly traces: boolean;
        readonly logs: boolean;
      }
    | undefined;
  /** The part of requests that is traced of those that do not come with a decision of their caller. */
  readonly sampled: number;
  /** Whether traces have what models are asked and answer: texts of clients. */
  readonly modelContent: boolean;
  readonly serviceName: string;
  /** Further attributes of the process, such as `deployment.environment.name`. */
  readonly resource: Readonly<Record<string, string>>;
  readonly bounds: BoundValues<typeof TELEMETRY>;
  /** Told of what cannot be sent. */
  readonly log: (message: string, error?: unknown) => void;
}

/** A request or an operation while it runs. */
export interface Observed<Result> {
  /** What it is shown as; undefined where it is not traced. */
  readonly span: Span | undefined;
  /** Call it once. */
  end(result: Result): void;
}

/** An operation while it runs. */
export interface ObservedOperation extends Observed<OperationEnd> {
  /** Told of its statements. */
  readonly statements: StatementObserver;
  /** Its subscription is open. */
  opened(): void;
  /** An event of its subscription was answered. */
  event(): void;
}

/** A call to a subgraph while it runs. */
export interface ObservedFetch extends Observed<string | undefined> {
  /** Told of its statements; undefined where it is not traced. */
  readonly statements: StatementObserver | undefined;
}

export interface OperationEnd {
  /** The codes of its errors; none where it went well. */
  readonly codes: readonly string[];
}

export interface RequestStart {
  readonly method: string;
  /** The path with what varies left out. */
  readonly route: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface OperationStart {
  readonly type: 'query' | 'mutation' | 'subscription';
  readonly name: string | undefined;
  /** What it came in with. */
  readonly parent: Span | undefined;
  /** Headers of whoever sent it, where no request is behind it; undefined where one is. */
  readonly startsWith?: RequestStart['headers'] | undefined;
}

export interface FetchStart {
  readonly subgraph: string;
  /** Whether the server itself asks, behind the requests. */
  readonly own: boolean;
  /** Objects asked about at once; undefined at the root. */
  readonly objects: number | undefined;
  readonly parent: Span | undefined;
}

export interface Telemetry {
  /** An HTTP request begins. Ends with its status, or 0 where its client went away before. */
  request(start: RequestStart): Observed<number>;
  operation(start: OperationStart): ObservedOperation;
  /** A call to a subgraph begins. Ends with the code of what it failed with. */
  fetch(start: FetchStart): ObservedFetch;
  /** A call of a model begins. */
  readonly model: ModelObserver;
  /** An event of a run was read so many milliseconds after it was appended. */
  readonly lag: (ms: number) => void;
  /** An operation was refused before it ran. */
  refused(codes: readonly string[]): void;
  /** An operation was planned, in so many milliseconds. */
  planned(ms: number, failed: boolean): void;
  /** What is asked whenever metrics are read. Called once. */
  watch(watched: Watched): void;
  /** Sends a line of the log, of JSON; undefined where logs are not sent. */
  readonly line: ((line: string) => void) | undefined;
  /** All metrics of this process. */
  collect(): Promise<Collected>;
  /** Sends what is left. Idempotent. */
  close(): Promise<void>;
}
