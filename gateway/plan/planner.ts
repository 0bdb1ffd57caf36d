/**
 * Plans operations with `@apollo/query-planner` in a worker thread. Planning can take exponential time, and a thread
 * can be killed: an operation that takes too long costs its own request, and those behind it wait for the worker that
 * takes the place.
 */
import { Worker } from 'node:worker_threads';
import type { QueryPlan } from '@apollo/query-planner';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { preparePlanning } from './planning-supergraph.ts';
import { SUPPORTED_FEATURES } from './supported-features.ts';

export interface PlannerOptions {
  /** Longest time to plan one operation, in milliseconds. @default 5000 */
  timeoutMs?: number;
  /** Told when a worker is replaced. */
  log?: (message: string, error?: unknown) => void;
  /** The worker's program, for tests that need one that never answers. @default planner-worker.mjs */
  worker?: URL;
}

/** What there is a plan for. */
export interface PlanRequest {
  /** The text of one valid operation. */
  readonly operation: string;
  /** Labels of progressive overrides that hold, sorted. */
  readonly overrides: readonly string[];
}

export interface Planned {
  plan: QueryPlan;
  /** Length of the plan as JSON; what a cache charges for it. */
  bytes: number;
}

export interface Planner {
  /** The supergraph's API schema as SDL, with `@defer`. */
  readonly apiSdl: string;
  /**
   * Plans one valid operation.
   * @throws CodedError `PLANNING_TIMEOUT`; `INTERNAL_SERVER_ERROR` for what the planner itself refuses
   */
  plan(request: PlanRequest): Promise<Planned>;
  /** Ends the workers; what waits is refused. Idempotent. */
  close(): Promise<void>;
}

interface Task {
  readonly request: PlanRequest;
  resolve(planned: Planned): void;
  reject(error: unknown): void;
}

interface RunningTask {
  readonly task: Task;
  timer?: NodeJS.Timeout;
  spareTimer?: NodeJS.Timeout;
}

/** Heap of a worker, in megabytes. The six subgraphs of this project need about 40. */
const WORKER_HEAP_MB = 384;

/**
 * Builds the planner and waits until it can plan.
 * @throws UnsupportedFeatures when the supergraph demands what the engine does not enforce; Error when it is none
 */
export async function startPlanner(supergraphSdl: string, options: PlannerOptions = {}): Promise<Planner> {
  const {
    timeoutMs = 5_000,
    log = () => undefined,
    worker: program = new URL('./planner-worker.mjs', import.meta.url),
  } = options;
  const waiting: Task[] = [];
  let running: RunningTask | undefined;
  let current: PlanningWorker | undefined;
  let spare: PlanningWorker | undefined;
  let closed = false;

  const prepared = preparePlanning(supergraphSdl);
  const start = (wantsApiSchema = false) => new PlanningWorker(program, prepared.sdl, wantsApiSchema);

  function take(worker: PlanningWorker): void {
    current = worker;
    worker.onFailure = (error) => {
      if (current !== worker) return;
      current = undefined;
      log('The query planner ended and is replaced.', error);
      settle()?.reject(planningFailed(error));
      next();
    };
  }

  /** Ends the bookkeeping of the running task, if there is one. */
  function settle(): Task | undefined {
    const task = running?.task;
    clearTimeout(running?.timer);
    clearTimeout(running?.spareTimer);
    running = undefined;
    return task;
  }

  function next(): void {
    if (running !== undefined || closed) return;
    const task = waiting.shift();
    if (task === undefined) return;
    if (current === undefined) {
      take(spare ?? start());
      spare = undefined;
    }
    const worker = current!;
    const started: RunningTask = { task };
    running = started;
    // The time to start a worker is not the operation's fault, and is not on its clock.
    worker.ready.then(
      () => {
        if (running !== started) return;
        started.timer = setTimeout(() => tooSlow(task, worker), timeoutMs);
        // A worker takes longer to start than most operations to plan: when one looks as if it might be killed, have
        // another ready.
        started.spareTimer = setTimeout(() => (spare ??= start()), timeoutMs / 3).unref();
      },
      () => undefined, // The worker's failure is reported by `onFailure`.
    );
    const settled = (finish: () => void) => {
      if (running !== started) return;
      settle();
      finish();
      next();
    };
    worker.plan(task.request).then(
      ({ plan, bytes }) => settled(() => task.resolve({ plan: prepared.restore(plan), bytes })),
      (error: unknown) => settled(() => task.reject(error)),
    );
  }

  function tooSlow(task: Task, worker: PlanningWorker): void {
    settle();
    current = undefined;
    void worker.end();
    log('Planning an operation took too long; the query planner is replaced.');
    task.reject(
      new CodedError('PLANNING_TIMEOUT', 'The operation is too complex to plan in time.', {
        hint: 'Select less, or split it into several operations.',
      }),
    );
    next();
  }

  const first = start(true);
  const apiSdl = prepared.apiSdl(await first.ready);
  take(first);

  return {
    apiSdl,
    plan(request) {
      const planning = new Promise<Planned>((resolve, reject) => {
        if (closed) {
          reject(new CodedError('INTERNAL_SERVER_ERROR', 'The query planner has ended.'));
          return;
        }
        waiting.push({ request, resolve, reject });
        next();
      });
      // Whoever asked may have left when the planner closes; that must not end the process.
      planning.catch(() => undefined);
      return planning;
    },
    async close() {
      closed = true;
      const refused = [settle(), ...waiting.splice(0)];
      for (const task of refused) task?.reject(new CodedError('INTERNAL_SERVER_ERROR', 'The query planner has ended.'));
      await Promise.all([current?.end(), spare?.end()]);
    },
  };
}

function planningFailed(cause: unknown): CodedError {
  return new CodedError('INTERNAL_SERVER_ERROR', 'The operation could not be planned.', { cause });
}

type WorkerMessage =
  { ready: true; apiSdl?: string } | { failed: string } | { id: number; plan: string } | { id: number; error: string };

/** One worker thread; plans one operation at a time. */
class PlanningWorker {
  /** Resolves to the API schema (empty unless wanted); rejects when the supergraph cannot be planned on. */
  readonly ready: Promise<string>;
  /** Called once when the thread ends by itself. */
  onFailure: (error: unknown) => void = () => undefined;
  readonly #worker: Worker;
  #ended = false;
  #id = 0;
  #pending: { id: number; resolve(planned: Planned): void; reject(error: unknown): void } | undefined;

  constructor(program: URL, supergraphSdl: string, wantsApiSchema: boolean) {
    this.#worker = new Worker(program, {
      workerData: { supergraphSdl, wantsApiSchema, supportedFeatures: SUPPORTED_FEATURES },
      // Nothing of the main thread's: not its loader, not its secrets.
      execArgv: [],
      env: { NODE_ENV: 'production', APOLLO_TELEMETRY_DISABLED: 'true' },
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB, stackSizeMb: 8 },
    });
    this.ready = new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        reject(error);
        if (this.#ended) return;
        this.#ended = true;
        this.onFailure(error);
      };
      this.#worker.on('message', (message: WorkerMessage) => {
        if ('ready' in message) {
          this.#worker.unref(); // From here on the timer of a running task keeps the process alive.
          resolve(message.apiSdl ?? '');
        } else if ('failed' in message) {
          fail(new Error(message.failed));
          void this.#worker.terminate();
        } else {
          this.#answer(message);
        }
      });
      this.#worker.on('error', fail);
      this.#worker.on('exit', (code) => fail(new Error(`The planning thread ended with code ${code}.`)));
    });
    this.ready.catch(() => undefined); // A replacement's is reported by the tasks that it fails.
  }

  plan({ operation, overrides }: PlanRequest): Promise<Planned> {
    return new Promise((resolve, reject) => {
      this.#pending = { id: ++this.#id, resolve, reject };
      this.#worker.postMessage({ id: this.#id, operation, overrides });
    });
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#worker.terminate();
  }

  #answer(message: { id: number; plan: string } | { id: number; error: string }): void {
    const pending = this.#pending;
    if (pending?.id !== message.id) return;
    this.#pending = undefined;
    if ('plan' in message) pending.resolve({ plan: JSON.parse(message.plan) as QueryPlan, bytes: message.plan.length });
    else pending.reject(planningFailed(new Error(message.error)));
  }
}
