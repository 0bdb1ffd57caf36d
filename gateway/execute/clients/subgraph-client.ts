/** How the engine speaks to one subgraph, wherever it runs. */
import type { DocumentNode, ExecutionResult, GraphQLError, OperationTypeNode } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { StreamableList } from '#subgraphs/shared/streamed-lists.ts';
import type { KeptNumbers } from '#subgraphs/shared/exact-number.ts';

/** What a call to a subgraph elsewhere did, for `extensions.trace`. */
export interface CallReport {
  /** Of the request's body. */
  readonly sentBytes: number;
  /** Of the answer's body as it came, compressed or not; 0 where there was none. */
  readonly receivedBytes: number;
  /** How often it was sent; 0 where another's equal call under way served, or none was let through. */
  readonly attempts: number;
  /** The state of the subgraph's circuit breaker afterwards. */
  readonly breaker: 'closed' | 'open' | 'half-open';
}

/** Items of a list, as they came. */
export interface ItemBatch {
  readonly items: readonly unknown[];
  /** What is wrong with them. Paths are those of the answer, in which the items at hand are the list. */
  readonly errors: readonly GraphQLError[];
  /** Whether the list has ended. */
  readonly done: boolean;
  /** Why it has ended before its end. */
  readonly failure?: readonly GraphQLError[];
}

/** What gives the items of a list behind the first. */
export interface ItemStream {
  /**
   * The next items; waits for the first of them. Nothing is read ahead but one. Never rejects for what the subgraph does.
   * @param most how many at most
   * @param waitMs how long others are waited for
   * @param context of the resolvers: a new one for each batch, or loaders keep all that they read
   */
  take(most: number, waitMs: number, context: RequestContext): Promise<ItemBatch>;
  /** Ends it at its source. Idempotent. */
  end(): void;
}

/** Allows a subgraph to answer before a list of the answer is whole. */
export interface StreamRequest extends StreamableList {
  /** Told what gives the others, before the answer is given; not called where the list is whole. */
  opened(items: ItemStream): void;
}

/** One operation on one subgraph. */
export interface SubgraphRequest {
  /** Parsed and valid. The same object for the same text, so that clients can cache by identity. */
  document: DocumentNode;
  /** The document's text, where it is at hand; a client that needs text and has none prints `document`. */
  query?: string;
  operationType: `${OperationTypeNode}`;
  /** The operation of `document` to run; needed only when there are several. */
  operationName?: string;
  variables: Record<string, unknown>;
  /** Which numbers of the answer are kept as they came. @default 'all' */
  keeps?: KeptNumbers;
  /** Who asks. In process it reaches every resolver; remotely it becomes headers. */
  context: RequestContext;
  /** Lists that may be given item by item. Clients of subgraphs elsewhere give them whole. @default none */
  streams?: readonly StreamRequest[];
  /** Told what the call did, by clients of subgraphs elsewhere, whether or not there was an answer. @default nobody */
  report?: (report: CallReport) => void;
  /** Ends the call. Default: `context.signal`. */
  signal?: AbortSignal;
}

/** A subgraph that can be asked. */
export interface SubgraphClient {
  readonly name: string;
  /**
   * Runs a query or a mutation. Errors of fields are in the result.
   * @throws CodedError `SUBGRAPH_UNAVAILABLE` when there is no answer, or one that is not GraphQL; `REQUEST_TIMEOUT`
   *   when cancelled
   */
  execute(request: SubgraphRequest): Promise<ExecutionResult>;
  /**
   * Opens a subscription. Ending the iterator (`return()`) ends it on the subgraph at once.
   * @returns the events, or a result with errors when the subscription could not be opened
   */
  subscribe(request: SubgraphRequest): Promise<AsyncIterable<ExecutionResult> | ExecutionResult>;
  /** How its circuit breaker stands; subgraphs in this process have none. */
  breaker?(): CallReport['breaker'];
  /** Ends connections. Idempotent. */
  close(): Promise<void>;
}
