/**
 * Runs that a Temporal workflow owns: starts the workflow, tells it of a cancellation, and ends the run where the
 * workflow is dead. The runs table is the outbox, so that an acknowledged `startRun` is dispatched although this
 * process ends, or Temporal is away for hours; every step may be taken twice. Any number of processes may work on it at
 * once.
 */
import { withPlainNumbers } from '#subgraphs/shared/exact-number.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError, sentences } from '#subgraphs/shared/errors.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import { projectOf, tenantOf } from '#subgraphs/shared/tenant-id.ts';
import { RUNS } from '../bounds.ts';
import type { AppendEvents, Run, RunsDriver } from '../driver.ts';
import { Periodic } from '#subgraphs/shared/periodic.ts';

/** The workflow that owns a run: the same for every attempt to start it, so that it is started once. */
export const workflowIdOf = (tenantId: string, runId: string): string => `tributary:${tenantId}:${runId}`;

/** What the workflow is given as its only argument. The rest it reads from the API. */
export interface WorkflowInput {
  tenantId: string;
  /** Absent where the run is of none. */
  project?: string | undefined;
  run: { id: string; agentId: string | null; threadId: string; input: JsonValue };
}

/** How a workflow stands. Open ones are Temporal's to bring to an end, however many workers die. */
export type WorkflowState =
  | { state: 'open' | 'completed' | 'cancelled' | 'terminated' | 'timed out' | 'missing' }
  | { state: 'failed'; why: string };

/** A server of workflows. What goes wrong rejects with a {@link WorkflowFault}. */
export interface WorkflowService {
  /** Starts the workflow; one that has been started before, ended or not, is left as it is. */
  start(workflowId: string, input: WorkflowInput): Promise<void>;
  look(workflowId: string): Promise<WorkflowState>;
  /** Asks the workflow to stop; one that has ended, or never was, needs no asking. */
  cancel(workflowId: string, reason: string): Promise<void>;
  health(): Promise<StoreHealth>;
  close(): Promise<void>;
}

export class WorkflowFault extends Error {
  /** Whether the same request would be refused again, whatever anybody configures or mends. */
  readonly final: boolean;
  /** For the operator, who may do something about it. */
  readonly hint: string | undefined;
  constructor(message: string, options: { final?: boolean; hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'WorkflowFault';
    this.final = options.final ?? false;
    this.hint = options.hint;
  }
}

/** A run of which the next step is due. */
export interface DueWorkflow {
  tenantId: string;
  runId: string;
  workflowId: string;
  started: boolean;
  status: Run['status'];
  /** Seconds since the run was queued, or was to begin. */
  ageSeconds: number;
  dispatchError: string | null;
}

/** What is kept of workflows. It works across tenants. */
export interface WorkflowStore {
  /** Takes what is due; should this process die, it is due again after `againInMs`. */
  due(limit: number, againInMs: number): Promise<DueWorkflow[]>;
  /**
   * @param next when to come back, in milliseconds from now; null for never. A run that has ended since it was taken is
   * due at once.
   */
  note(taken: DueWorkflow, next: number | null, change: { started?: true; error?: string | null }): Promise<void>;
}

export interface WorkflowsOptions {
  /** Time between two looks when nothing nudges, in milliseconds. @default 1000 */
  everyMs?: number;
  /** Steps at the same time. @default 20 */
  concurrency?: number;
  /**
   * When to look after an open workflow again, and to try again what failed; in milliseconds by the run's age in
   * seconds. @default a quarter of the age, 2 s to 2 min (30 s after a failure)
   */
  lookMs?: (ageSeconds: number) => number;
  log?: (message: string, error?: unknown) => void;
}

const ENDED = ['SUCCEEDED', 'FAILED', 'CANCELLED'];
/** Noted when a workflow that was started is not there; where it is still missing at the next look, the run fails. */
const MISSING = 'The workflow is not found.';

type Ending = AppendEvents['events'][number];
const failed = (code: string, message: string): Ending => ({ type: 'RUN_ERROR', payload: { message, code } });

export class Workflows {
  readonly #store: WorkflowStore;
  readonly #driver: Pick<RunsDriver, 'runsById' | 'append'>;
  readonly #service: WorkflowService;
  readonly #options: WorkflowsOptions;
  readonly #periodic: Periodic;
  /** What was logged last, so that an outage is told once. */
  #told = '';

  constructor(
    store: WorkflowStore,
    driver: Pick<RunsDriver, 'runsById' | 'append'>,
    service: WorkflowService,
    options: WorkflowsOptions = {},
  ) {
    this.#store = store;
    this.#driver = driver;
    this.#service = service;
    this.#options = options;
    const onError = (error: unknown): void =>
      options.log?.('The runs that workflows own could not be looked up; trying again.', error);
    this.#periodic = new Periodic(() => this.look(), { everyMs: options.everyMs ?? RUNS.dispatchPollMs, onError });
  }

  start(): void {
    this.#periodic.start();
  }

  /** Something to do may be there: look now. */
  nudge(): void {
    this.#periodic.nudge();
  }

  health(): Promise<StoreHealth> {
    return this.#service.health();
  }

  /** Takes every step that is due. @returns how many */
  async look(): Promise<number> {
    const { concurrency = RUNS.dispatchConcurrency, log } = this.#options;
    let steps = 0;
    for (;;) {
      const due = await this.#store.due(concurrency, RUNS.stepMs);
      const results = await Promise.allSettled(due.map((run) => this.#step(run)));
      for (const result of results)
        if (result.status === 'rejected')
          log?.('A step of a run that a workflow owns failed; it is tried again.', result.reason);
      steps += due.length;
      if (due.length < concurrency || this.#periodic.closed) return steps;
    }
  }

  /** Waits for what is on its way. */
  async close(): Promise<void> {
    await this.#periodic.close();
    await this.#service.close();
  }

  async #step(due: DueWorkflow): Promise<void> {
    const { lookMs = (age: number) => Math.min(Math.max(age * 250, RUNS.firstLookMs), RUNS.longestLookMs) } =
      this.#options;
    try {
      const outcome = await this.#take(due, Math.ceil(lookMs(due.ageSeconds)));
      await this.#store.note(due, outcome.next, outcome);
      this.#told = '';
    } catch (error) {
      if (!(error instanceof WorkflowFault)) throw error;
      const told = sentences(error.message, error.hint);
      if (told !== this.#told)
        this.#options.log?.(`${told} Runs that wait for it are kept and tried again.`, error.cause);
      this.#told = told;
      await this.#store.note(due, Math.ceil(Math.min(lookMs(due.ageSeconds), RUNS.failedLookMs)), {
        error: error.message,
      });
    }
  }

  async #take(
    { tenantId, runId, workflowId, started, status, dispatchError }: DueWorkflow,
    later: number,
  ): Promise<{ next: number | null; started?: true; error?: string | null }> {
    const context = createRequestContext({ tenantId, subject: 'system:temporal', roles: [], scopes: [] });
    if (status === 'CANCELLED') {
      await this.#service.cancel(workflowId, 'The run was cancelled.');
      // Another process may have begun to start it and died since: asked again when no start can be on its way any
      // more.
      if (!started) return { next: RUNS.stepMs, started: true };
    }
    // A workflow that has ended its run may have something left to do; nobody waits for that.
    if (ENDED.includes(status)) return { next: null };
    if (!started) return await this.#begin(context, runId, workflowId, later);
    const found = await this.#service.look(workflowId);
    if (found.state === 'open') return { next: later, error: null };
    // Once could be a server that is being put back from a copy.
    if (found.state === 'missing' && dispatchError !== MISSING)
      return { next: Math.min(later, RUNS.failedLookMs), error: MISSING };
    await this.#end(context, runId, endingOf(found));
    return { next: null };
  }

  async #begin(
    context: RequestContext,
    runId: string,
    workflowId: string,
    later: number,
  ): Promise<{ next: number | null; started?: true; error?: string | null }> {
    const [run] = await this.#driver.runsById(context, [runId]);
    if (!run) return { next: null };
    const { id, agentId, threadId, input } = run;
    try {
      await this.#service.start(workflowId, {
        tenantId: tenantOf(context.principal.tenantId),
        project: projectOf(context.principal.tenantId),
        // Temporal's converter writes JSON by itself, with doubles.
        run: { id, agentId, threadId, input: withPlainNumbers(input) as JsonValue },
      });
    } catch (error) {
      if (!(error instanceof WorkflowFault && error.final)) throw error;
      await this.#end(context, runId, failed('DISPATCH_FAILED', error.message));
      return { next: null, error: error.message };
    }
    return { next: later, started: true, error: null };
  }

  /** Ends a run once: one that has ended meanwhile, by whomever, stays as it is. */
  async #end(context: RequestContext, runId: string, ending: Ending): Promise<void> {
    try {
      await this.#driver.append(context, { runId, events: [ending], regardless: true });
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'CONFLICT') throw error;
    }
  }
}

function endingOf(found: WorkflowState): Ending {
  switch (found.state) {
    case 'failed':
      return failed('WORKFLOW_FAILED', `The workflow that owned the run failed: ${found.why}`);
    case 'cancelled':
      return {
        type: 'RUN_FINISHED',
        payload: { outcome: { type: 'cancelled' }, reason: 'The workflow that owned the run was cancelled.' },
      };
    case 'missing':
      return failed('WORKFLOW_LOST', 'The workflow that owned the run is gone.');
    case 'completed':
      return failed('WORKFLOW_COMPLETED', 'The workflow that owned the run completed without ending the run.');
    default:
      return failed(
        `WORKFLOW_${found.state.replace(' ', '_').toUpperCase()}`,
        `The workflow that owned the run was ${found.state === 'timed out' ? 'timed out' : 'terminated'}.`,
      );
  }
}
