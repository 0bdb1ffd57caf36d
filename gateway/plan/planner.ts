/**
 * Plans operations with `@apollo/query-planner` in processes of their own. Planning can take exponential time and all
 * memory, and a process can be killed: an operation that takes too long costs its own request. While one takes long,
 * another process plans what is behind it; what hung for its whole time, or ended its process, is remembered and refused
 * at once when it is asked again (what was given up earlier, for others or for want of anyone who waits, may be merely
 * slow, and is tried again); what nobody waits for any more is dropped; and tenants take turns.
 */
import type { QueryPlan } from '@apollo/query-planner';
import { LRUCache } from 'lru-cache';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { PLAN } from '#gateway/bounds/plan.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { FOR_GATEWAY, planKey, type PlanFor, type PlanRequest } from './plan-request.ts';
import { preparePlanning } from './planning-supergraph.ts';
import { FairQueue } from './process/fair-queue.ts';
import { planningFailed, PlanningProcess } from './process/planning-process.ts';

/** Bounds in `PLAN` (gateway/bounds/plan.ts), which say what they mean and their defaults, and more. */
export interface PlannerOptions extends Partial<BoundValues<typeof PLAN>> {
  /** Told when a process is replaced. */
  log?: (message: string, error?: unknown) => void;
  /** The process's program, for tests that need one that never answers. @default process/planner-process.mjs */
  program?: URL;
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
   * @param planFor @default the gateway itself
   * @throws CodedError `PLANNING_TIMEOUT`; `RATE_LIMITED` when too many of the tenant's wait; `INTERNAL_SERVER_ERROR` for
   *   what the planner itself refuses; the signal's reason
   */
  plan(request: PlanRequest, planFor?: PlanFor): Promise<Planned>;
  /** Ends the processes; what waits is refused. Idempotent. */
  close(): Promise<void>;
}

/** After what share of its time an operation counts as slow: another process is then started for those behind it. */
const SLOW_SHARE = 1 / 20;

/** After what share of its time a slow operation is given up where others wait for its process. */
const PATIENCE_SHARE = 1 / 5;

const HINT = { hint: 'Select less, or split it into several operations.' };

interface Task {
  readonly request: PlanRequest;
  readonly planFor: PlanFor;
  resolve(made: Planned): void;
  reject(error: unknown): void;
}

/** A process, and what it plans. */
interface Slot {
  readonly process: PlanningProcess;
  task?: Task;
  /** Whether the task has taken long enough for another process to be opened. */
  slow: boolean;
  /** Whether the task may be given up for others. */
  patient: boolean;
  timers: NodeJS.Timeout[];
}

/**
 * Builds the planner and waits until it can plan.
 * @throws UnsupportedFeatures when the supergraph demands what the engine does not enforce; Error when it is none
 */
export async function startPlanner(supergraphSdl: string, options: PlannerOptions = {}): Promise<Planner> {
  const prepared = preparePlanning(supergraphSdl);
  const pool = new PlannerPool(prepared.sdl, options);
  const apiSdl = prepared.apiSdl(await pool.start());
  return {
    apiSdl,
    plan(request, planFor = FOR_GATEWAY) {
      const planning = pool
        .plan(request, planFor)
        .then(({ plan, bytes }): Planned => ({ plan: prepared.restore(plan, request.operation), bytes }));
      // Whoever asked may have left when the planner closes; that must not end the process.
      planning.catch(() => undefined);
      return planning;
    },
    close: () => pool.close(),
  };
}

class PlannerPool {
  readonly #sdl: string;
  readonly #timeoutMs: number;
  readonly #waitingPerTenant: number;
  readonly #processes: number;
  readonly #heapMb: number;
  readonly #log: (message: string, error?: unknown) => void;
  readonly #program: URL;
  readonly #waiting = new FairQueue<Task>();
  readonly #slots = new Set<Slot>();
  /** Keys of operations that hung. */
  readonly #hung = new LRUCache<string, true>({
    max: PLAN.remembered,
    maxSize: PLAN.rememberedCharacters,
    ttl: PLAN.rememberedMs,
  });
  #closed = false;

  constructor(sdl: string, options: PlannerOptions) {
    this.#sdl = sdl;
    this.#timeoutMs = options.timeoutMs ?? PLAN.timeoutMs;
    this.#waitingPerTenant = options.waitingPerTenant ?? PLAN.waitingPerTenant;
    this.#processes = options.processes ?? PLAN.processes;
    this.#heapMb = options.heapMb ?? PLAN.heapMb;
    this.#log = options.log ?? (() => undefined);
    this.#program = options.program ?? new URL('./process/planner-process.mjs', import.meta.url);
  }

  /** @returns the API schema as the planner prints it */
  async start(): Promise<string> {
    return this.#open(true).process.ready;
  }

  plan(request: PlanRequest, planFor: PlanFor): Promise<Planned> {
    const { tenant, signal } = planFor;
    return new Promise<Planned>((resolve, reject) => {
      if (this.#closed) throw ended();
      if (signal?.aborted === true) throw reasonOf(signal);
      if (this.#hung.has(planKey(request))) throw tooSlow();
      if (this.#waiting.sizeOf(tenant) >= this.#waitingPerTenant) throw tooMany(this.#waitingPerTenant);
      const leave = (): void => this.#leave(task, reasonOf(signal!));
      const settle =
        <Value>(finish: (value: Value) => void) =>
        (value: Value): void => {
          signal?.removeEventListener('abort', leave);
          finish(value);
        };
      const task: Task = { request, planFor, resolve: settle(resolve), reject: settle(reject) };
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.push(tenant, task);
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (let task = this.#waiting.shift(); task !== undefined; task = this.#waiting.shift()) task.reject(ended());
    const slots = [...this.#slots];
    for (const slot of slots) this.#drop(slot);
    await Promise.all(slots.map((slot) => slot.process.end()));
  }

  /** Gives work to whoever has none, and makes room where none comes free by itself. */
  #next(): void {
    while (!this.#closed && this.#waiting.size > 0) {
      const slots = [...this.#slots];
      const idle = slots.find(({ task }) => task === undefined);
      if (idle !== undefined) this.#assign(idle, this.#waiting.shift()!);
      else if (!slots.every(({ slow }) => slow)) return;
      else if (slots.length < this.#processes) this.#open();
      else {
        const givenUp = slots.find(({ patient }) => !patient);
        if (givenUp === undefined) return;
        this.#giveUp(givenUp);
      }
    }
  }

  #open(wantsApiSchema = false): Slot {
    const process = new PlanningProcess(this.#program, this.#heapMb, this.#sdl, wantsApiSchema, (error) => {
      this.#log('The query planner ended and is replaced.', error);
      // It may have been what it planned that it died of.
      if (slot.task !== undefined && slot.timers.length > 0) this.#remember(slot.task);
      slot.task?.reject(planningFailed(error));
      this.#drop(slot);
      this.#next();
    });
    const slot: Slot = { process, slow: false, patient: true, timers: [] };
    this.#slots.add(slot);
    return slot;
  }

  #assign(slot: Slot, task: Task): void {
    const after = (share: number, act: () => void) => setTimeout(act, this.#timeoutMs * share);
    const run = async (): Promise<void> => {
      try {
        // The time to start a process is not the operation's fault, and is not on its clock.
        await slot.process.ready.catch((error: unknown) => Promise.reject(planningFailed(error)));
        if (slot.task !== task) return;
        slot.timers = [
          after(SLOW_SHARE, () => this.#isSlow(slot)).unref(),
          after(PATIENCE_SHARE, () => {
            slot.patient = false;
            if (task.planFor.signal?.aborted === true) this.#giveUp(slot);
            this.#next();
          }).unref(),
          after(1, () => {
            this.#remember(task);
            this.#giveUp(slot);
            this.#next();
          }),
        ];
        const plan = await slot.process.plan(task.request, this.#timeoutMs);
        task.resolve({ plan: JSON.parse(plan) as QueryPlan, bytes: plan.length });
      } catch (error) {
        task.reject(error);
      }
      if (slot.task === task) this.#free(slot);
    };
    stopClock(slot); // It may have been about to end for want of work.
    slot.task = task;
    void run();
  }

  /** Opens another process before one is needed: it takes longer to start than most operations to plan. */
  #isSlow(slot: Slot): void {
    slot.slow = true;
    if (this.#slots.size < this.#processes) this.#open();
    this.#next();
  }

  #free(slot: Slot): void {
    stopClock(slot);
    slot.task = undefined;
    slot.slow = false;
    slot.patient = true;
    if (this.#slots.size > 1) slot.timers = [setTimeout(() => this.#end(slot), PLAN.idleMs).unref()];
    this.#next();
  }

  /** The task takes too long: the process ends. */
  #giveUp(slot: Slot): void {
    const task = slot.task!;
    this.#log('Planning an operation took too long; the query planner is replaced.');
    task.reject(tooSlow());
    this.#end(slot);
  }

  /** The operation is refused at once from now on. */
  #remember({ request }: Task): void {
    const key = planKey(request);
    this.#hung.set(key, true, { size: key.length + 1 });
  }

  /** Whoever asked has left: what waits is dropped, what runs is given up once it has had its share. */
  #leave(task: Task, reason: unknown): void {
    task.reject(reason);
    if (this.#waiting.remove(task.planFor.tenant, task)) return;
    const slot = [...this.#slots].find((each) => each.task === task);
    if (slot?.patient === false) this.#giveUp(slot);
    this.#next();
  }

  #end(slot: Slot): void {
    this.#drop(slot);
    void slot.process.end();
  }

  #drop(slot: Slot): void {
    stopClock(slot);
    slot.task?.reject(ended());
    slot.task = undefined;
    this.#slots.delete(slot);
  }
}

function stopClock(slot: Slot): void {
  for (const timer of slot.timers) clearTimeout(timer);
  slot.timers = [];
}

const reasonOf = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error('The plan is no longer wanted.');

const ended = (): CodedError => new CodedError('INTERNAL_SERVER_ERROR', 'The query planner has ended.');

const tooSlow = (): CodedError =>
  new CodedError('PLANNING_TIMEOUT', 'The operation is too complex to plan in time.', HINT);

const tooMany = (most: number): CodedError =>
  new CodedError('RATE_LIMITED', `More than ${most} operations wait to be planned.`, {
    hint: 'Try again in a moment; operations that differ only in their variables share a plan.',
  });
