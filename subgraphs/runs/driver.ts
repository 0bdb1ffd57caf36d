/** The interface of the store of runs. A run is a log of events; its row says where the log stands. */
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Aggregated, AggregatedKind, AggregateRequest } from '#subgraphs/shared/aggregates/aggregate.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { scalarFilter } from '#subgraphs/shared/filters/parse.ts';
import type {
  DateTimeFilterShape,
  EnumFilterShape,
  IdFilterShape,
  StringFilterShape,
} from '#subgraphs/shared/shared-types.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import { RUNS } from './bounds.ts';
import type { RunEventType } from './events/event-types.ts';
import type { TenantPosition } from './streams/tenant-position.ts';

export const RUN_STATUSES = ['QUEUED', 'RUNNING', 'WAITING', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** The bounds of a log. */
export interface RunLimits {
  /** Events of one append. @default 500 */
  readonly eventsPerAppend: number;
  /** Events of one run, the terminal one not counted. @default 100000 */
  readonly eventsPerRun: number;
}
export const RUN_LIMITS: RunLimits = { eventsPerAppend: RUNS.eventsPerAppend, eventsPerRun: RUNS.eventsPerRun };

/** How a failed run failed. */
export interface RunFailure {
  message: string;
  code?: string;
}

/** A run as it stands. */
export interface Run {
  id: string;
  agentId: string | null;
  /** The conversation that the run belongs to; the run's own id where none was given. */
  threadId: string;
  status: RunStatus;
  input: JsonValue;
  output: JsonValue;
  error: RunFailure | null;
  /** What the state snapshots and deltas so far amount to. */
  state: JsonValue;
  /** The sequence of the last event; 0 before the first. */
  lastSequence: number;
  /** The smallest sequence that retention has kept. */
  firstAvailable: number;
  /** Who started it: a principal's `subject`. */
  actor: string;
  /** The greater is claimed first; 0 unless given. */
  priority: number;
  /** Not to be claimed before this; null for at once. */
  scheduledAt: Date | null;
  /** Claims since the run was last handed back in order. */
  attempts: number;
  maxAttempts: number;
  /** When the present lease ends or ended; null where no worker holds one. */
  leaseExpiresAt: Date | null;
  /** Who claimed it last: a principal's `subject`. */
  claimedBy: string | null;
  /** Where the run is dispatched to; null where workers claim it. */
  webhook: string | null;
  /** The Temporal workflow that owns the run; null where none does. */
  workflowId: string | null;
  /** Why the last dispatch failed; null where none has since one was accepted. */
  dispatchError: string | null;
  /** Where the events are that retention has removed: the key of the first object; null while they are here. */
  archiveKey: string | null;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  /** Whether it is a question that the gateway itself answers. */
  asks: boolean;
}

/** One event of a log. */
export interface RunEvent {
  runId: string;
  /** 1, 2, 3 … without a hole. */
  sequence: number;
  type: RunEventType;
  payload: { [key: string]: JsonValue };
  /** Who appended it: a principal's `subject`. */
  actor: string;
  createdAt: Date;
  /** The length of the payload as JSON text, in bytes. */
  bytes: number;
}

export interface StartRun {
  agentId?: string | null;
  threadId?: string | null;
  input?: JsonValue;
  /** What the run's state is before its events say anything of it. @default none */
  state?: JsonValue;
  idempotencyKey?: string | null;
  /** See {@link LEASE_LIMITS}. @default 0 */
  priority?: number | null;
  scheduledAt?: Date | null;
  /** @default 5 */
  maxAttempts?: number | null;
  /** Checked beforehand by the `WebhookPolicy`. */
  webhook?: string | null;
  /** Whether a Temporal workflow is to own the run. Not with a webhook. @default false */
  workflow?: boolean;
  /** With what the gateway itself is to answer it: the run is a question then, which nobody else may write to. @default it is none */
  asker?: Asker;
}

/** What of a principal a question is answered with; the tenant is the run's. */
export interface Asker {
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  /** Until when they hold, in milliseconds since 1970. @default as long as it takes */
  readonly expiresAt?: number | undefined;
}

/** A question that somebody has taken to answer it. */
export interface TakenQuestion {
  readonly run: Run;
  /** See {@link Lease.token}. */
  readonly token: string;
  readonly tenantId: string;
  readonly asker: Asker & { readonly subject: string };
}

/** The bounds of what workers ask for. */
export const LEASE_LIMITS = {
  seconds: { default: RUNS.leaseSeconds, min: 1, max: RUNS.longestLeaseSeconds },
  priority: { min: -RUNS.priority, max: RUNS.priority },
  attempts: { default: RUNS.attempts, min: 1, max: RUNS.mostAttempts },
} as const;

/** A worker's hold on a run. */
export interface Lease {
  /** The fencing token: the number of this claim, then a random part. Who has it may write; a later one outranks it. */
  token: string;
  expiresAt: Date;
}

export interface AppendEvents {
  runId: string;
  /** Checked by `checkEvents` beforehand. A terminal event, if any, is the last and ends the run. */
  events: readonly { type: RunEventType; payload: { [key: string]: JsonValue } }[];
  /** A retry with the same key and the same events changes nothing and returns what the first wrote. */
  idempotencyKey?: string | null;
  /** Refuse (`CONFLICT`) unless the log ends here. */
  expectedSequence?: number | null;
  /** After this append the run waits for something outside it (`WAITING`), until the next one. @default false */
  waiting?: boolean;
  /** The token of the writer's lease. Without it a leased run is not written to. */
  token?: string | null;
  /** Write although a worker holds a lease: cancelling. @default false */
  regardless?: boolean;
}

export interface RunFilter {
  id?: IdFilterShape | null;
  status?: EnumFilterShape<RunStatus> | null;
  agentId?: IdFilterShape | null;
  threadId?: IdFilterShape | null;
  startedBy?: StringFilterShape | null;
  createdAt?: DateTimeFilterShape | null;
  startedAt?: DateTimeFilterShape | null;
  finishedAt?: DateTimeFilterShape | null;
  and?: RunFilter[] | null;
  or?: RunFilter[] | null;
  not?: RunFilter | null;
}
/** What a filter of runs may be about. */
export type RunField = Exclude<keyof RunFilter, 'and' | 'or' | 'not'>;
/** What runs are filtered, grouped and measured by. */
export const RUN_KINDS: Readonly<Record<RunField, AggregatedKind>> = {
  id: 'id',
  status: 'enum',
  agentId: 'id',
  threadId: 'id',
  startedBy: 'text',
  createdAt: 'moment',
  startedAt: 'moment',
  finishedAt: 'moment',
};

const FILTER_BOUNDS = {
  conditions: RUNS.filterConditions,
  depth: RUNS.filterDepth,
  listed: RUNS.filterItems,
  characters: RUNS.longCharacters,
};

/**
 * What a filter asks for; undefined where that is nothing.
 * @throws CodedError `BAD_USER_INPUT` where it passes the bounds of one filter
 */
export const runCondition = scalarFilter<RunFilter>(Object.keys(RUN_KINDS), FILTER_BOUNDS);

export interface RunEventFilter {
  runId?: IdFilterShape | null;
  agentId?: IdFilterShape | null;
  sequence?: object | null;
  type?: EnumFilterShape<RunEventType> | null;
  actor?: StringFilterShape | null;
  createdAt?: DateTimeFilterShape | null;
  and?: RunEventFilter[] | null;
  or?: RunEventFilter[] | null;
  not?: RunEventFilter | null;
}

/** What events are filtered, grouped and measured by; `agentId` is their run's. */
export const RUN_EVENT_KINDS = {
  runId: 'id',
  agentId: 'id',
  sequence: 'int',
  type: 'enum',
  actor: 'text',
  createdAt: 'moment',
} as const satisfies Readonly<Record<Exclude<keyof RunEventFilter, 'and' | 'or' | 'not'>, AggregatedKind>>;

/** {@link runCondition}, of events. */
export const runEventCondition = scalarFilter<RunEventFilter>(Object.keys(RUN_EVENT_KINDS), FILTER_BOUNDS);

/** What runs are sorted by: moments of theirs. Those that have not come count as the latest. */
export const RUN_ORDERS = ['createdAt', 'startedAt', 'finishedAt'] as const;
export interface RunOrder {
  readonly field: (typeof RUN_ORDERS)[number];
  readonly direction: 'ASC' | 'DESC';
}

export interface RunsQuery {
  /** See {@link runCondition}. */
  where?: Condition | undefined;
  /** The most important first; the id comes behind them, in the last one's direction. At least one. */
  order: readonly RunOrder[];
  /** The sort key behind which to continue: each moment as ISO text, then the id. */
  after: readonly (string | null)[] | null;
  limit: number;
}

/** Where a log stands, without its run. */
export interface LogHead {
  runId: string;
  lastSequence: number;
  firstAvailable: number;
  finished: boolean;
  /** See {@link Run.archiveKey}. */
  archiveKey: string | null;
}

/** The log as the stream readers of a process see it: they read for a tenant, not for a request. */
export interface RunLog {
  /** The heads of those runs that exist for the tenant. */
  heads(tenantId: string, runIds: readonly string[]): Promise<LogHead[]>;
  /**
   * The events behind `after`, in order, at most `limit`, and no more than `maxBytes` of payloads but for one event.
   * @param maxBytes 1 MiB
   */
  read(tenantId: string, runId: string, after: number, limit: number, maxBytes?: number): Promise<RunEvent[]>;
}

/** Which events of a tenant's log; all conditions that are given must hold. */
export interface TenantFilter {
  types?: readonly RunEventType[] | null;
  agentId?: string | null;
}

export interface TenantLogEntry {
  position: TenantPosition;
  /** The agent of the event's run. */
  agentId: string | null;
  event: RunEvent;
}

/** All runs of a tenant as one log, ordered by (transaction id, event number). */
export interface TenantLog {
  /**
   * How far the log can be read: every transaction before `horizon` has ended, so nothing can appear before it any
   * more. `pending` where committed events are at or behind it, waiting for an earlier transaction to end.
   */
  horizon(tenantId: string): Promise<{ horizon: TenantPosition; pending: boolean }>;
  /**
   * The events behind `after` up to and with `end` that match, in order.
   * @param limits how many events one call looks at, and the payloads' bytes that it answers with at most (but for one
   *   event)
   * @returns where the look ended (`upTo`), and whether there may be more
   */
  readTenant(
    tenantId: string,
    after: TenantPosition,
    end: TenantPosition,
    filter: TenantFilter,
    limits: { events: number; bytes: number },
  ): Promise<{ entries: TenantLogEntry[]; upTo: TenantPosition; more: boolean }>;
  /** The last position from which retention has removed an event; null where it has removed none. */
  expired(tenantId: string): Promise<TenantPosition | null>;
}

/**
 * The store of runs. Writes announce themselves to {@link RunLog}'s readers in every process.
 * Every method raises the shared errors: `STORE_UNAVAILABLE`, `STORE_TIMEOUT`, `STORE_DISABLED`, and those it names.
 */
export interface RunsDriver {
  /**
   * Queues a run, or returns the one that the idempotency key queued before.
   * @throws CodedError `CONFLICT` where the key queued a run with other input
   */
  start(context: RequestContext, run: StartRun): Promise<Run>;
  /**
   * Appends events, in one transaction with everything that follows from them: a queued run starts (RUN_STARTED is put
   * first where the events do not begin with it), the state is brought up to date, a terminal event ends the run.
   * @returns the events given, as stored, and the run after them
   * @throws CodedError `NOT_FOUND`; `CONFLICT` (ended run, `expectedSequence`, reused key, too many events), with
   *   `lastSequence` and `status` in its extensions; `BAD_USER_INPUT` (a state delta that does not apply)
   */
  append(context: RequestContext, append: AppendEvents): Promise<{ run: Run; events: RunEvent[] }>;
  /**
   * Gives a worker the agent's most urgent run: queued and due, or left by a lease that expired. Runs whose attempts
   * are used up are ended (RUN_ERROR, `ATTEMPTS_EXHAUSTED`) on the way.
   * @returns null where there is none
   */
  claim(
    context: RequestContext,
    claim: { agentId: string; leaseSeconds: number },
  ): Promise<{ run: Run; lease: Lease } | null>;
  /**
   * Prolongs the lease of `token` to `leaseSeconds` from now, also after it expired, where nobody else has claimed the
   * run.
   * @throws CodedError `NOT_FOUND`; `CONFLICT` where the lease is over: claimed by another, handed back, or the run
   *   ended
   */
  heartbeat(
    context: RequestContext,
    beat: { runId: string; token: string; leaseSeconds: number },
  ): Promise<{ run: Run; lease: Lease }>;
  /**
   * Takes the question that waits longest, of any tenant, for the gateway to answer it.
   * @param context the system's
   * @returns null where none waits
   */
  takeQuestion(context: RequestContext, leaseSeconds: number, except: readonly string[]): Promise<TakenQuestion | null>;
  /** Those of the runs that exist, in any order. */
  runsById(context: RequestContext, ids: readonly string[]): Promise<Run[]>;
  /** A page of the tenant's runs, in one statement. */
  runs(context: RequestContext, query: RunsQuery): Promise<Run[]>;
  countRuns(context: RequestContext, where: Condition | undefined): Promise<number>;
  /** Groups runs by {@link RUN_KINDS} and measures them, in one statement. */
  aggregateRuns(context: RequestContext, request: AggregateRequest): Promise<Aggregated>;
  /** Groups events that are kept by {@link RUN_EVENT_KINDS} and measures them, in one statement. */
  aggregateEvents(context: RequestContext, request: AggregateRequest): Promise<Aggregated>;
  /** A page of each agent's runs, in one statement; those of one agent come in their order. */
  runsOfAgents(context: RequestContext, agentIds: readonly string[], query: RunsQuery): Promise<Run[]>;
  /** How many runs each agent has; nothing of one that has none. */
  countRunsOfAgents(
    context: RequestContext,
    agentIds: readonly string[],
    where: Condition | undefined,
  ): Promise<Map<string, number>>;
  /**
   * For each run, its events behind its `after`, in order, at most `limit` each: one statement for all.
   * @param options.backward those before `after`, the last first @default false
   */
  events(
    context: RequestContext,
    runs: readonly { runId: string; after: number }[],
    options: { limit: number; types?: readonly RunEventType[] | null; backward?: boolean },
  ): Promise<RunEvent[]>;
  readonly log: RunLog & TenantLog;
  health(): Promise<StoreHealth>;
}
