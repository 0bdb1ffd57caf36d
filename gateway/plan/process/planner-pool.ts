/**
 * The processes that plan, and what waits for them. A good operation never waits for one that takes long:
 * - a *normal* process plans what comes, and a spare one stands by: of the processes that are free a tenant gets the last
 *   one only while it has no operation in another;
 * - a process whose operation takes long becomes a *slow* one, at lower priority, and a new spare one is started;
 * - what is like an operation that took long, or comes from a tenant that asked several such, waits for a slow process.
 *   Those are fewer than all, and are given to one operation after another.
 */
import { PLAN } from '#gateway/bounds/plan.ts';
import type { CodedError } from '#subgraphs/shared/errors.ts';
import type { PlanFor, PlanRequest } from '../plan-request.ts';
import { FairQueue, type Queued } from './fair-queue.ts';
import { plannerEnded, planningFailed, reasonOf, tooMany, tooSlow } from './planning-errors.ts';
import { PlanningProcess } from './planning-process.ts';
import { SlowOperations } from './slow-operations.ts';

export interface PlannerPoolOptions {
  sdl: string;
  /** The processes' program, plain JavaScript. */
  program: URL;
  timeoutMs: number;
  waitingPerTenant: number;
  processes: number;
  heapMb: number;
  spareMs: number;
  /** The processor time that a process has used, in milliseconds, where it is known. */
  cpuTimeOf: (pid: number | undefined) => number | undefined;
  log: (message: string, error?: unknown) => void;
}

/** After what share of its time an operation counts as slow. */
const SLOW_SHARE = 1 / 20;

/** What part of that time its process must have worked: of what it had to wait for the processor, the machine is the cause. */
const WORKED_SHARE = 1 / 2;

/** After what share of its time a slow operation is given up where others that are slow wait for its process. */
const PATIENCE_SHARE = 1 / 5;

interface Task extends Queued {
  readonly request: PlanRequest;
  readonly planFor: PlanFor;
  resolve(plan: string): void;
  reject(error: unknown): void;
}

/** A process, and what it plans. */
interface Slot {
  readonly process: PlanningProcess;
  /** Whether it can plan. */
  ready: boolean;
  /** Whether it is for what takes long: then it stays so. */
  forSlow: boolean;
  task?: Task;
  /** The processor time of the process when the task began. */
  cpuMs: number | undefined;
  /** Whether the task takes long. */
  slow: boolean;
  /** Whether the task may be given up for others. */
  patient: boolean;
  timers: NodeJS.Timeout[];
}

export class PlannerPool {
  readonly #options: PlannerPoolOptions;
  readonly #waiting = new FairQueue<Task>();
  readonly #slots = new Set<Slot>();
  readonly #known = new SlowOperations();
  /** The most processes for what takes long; none where there is but one process. */
  readonly #mostSlow: number;
  /** How many normal processes there are to be. */
  #wanted = 1;
  /** What was planned last, in good time: new processes try themselves on it. */
  #lastPlanned: PlanRequest | undefined;
  /** Whether the last process that was started could not be: then one is started only where something waits for it. */
  #startFailed = false;
  #spareTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PlannerPoolOptions) {
    this.#options = options;
    this.#mostSlow = options.processes === 1 ? 0 : Math.max(1, options.processes - 2);
  }

  /** @returns the API schema as the planner prints it */
  async start(): Promise<string> {
    const apiSdl = await this.#open({ wantsApiSchema: true }).process.ready;
    this.#spareTimer = setTimeout(() => this.#wantSpare(), this.#options.spareMs).unref();
    return apiSdl;
  }

  /** @returns the plan as JSON */
  plan(request: PlanRequest, shape: string, planFor: PlanFor): Promise<string> {
    const { tenant, signal } = planFor;
    const { waitingPerTenant } = this.#options;
    return new Promise<string>((resolve, reject) => {
      const settle =
        <Value>(finish: (value: Value) => void) =>
        (value: Value): void => {
          signal?.removeEventListener('abort', leave);
          finish(value);
        };
      const task: Task = { tenant, shape, request, planFor, resolve: settle(resolve), reject: settle(reject) };
      const leave = (): void => this.#leave(task, reasonOf(signal!));
      if (this.#closed) throw plannerEnded();
      if (signal?.aborted === true) throw reasonOf(signal);
      if (this.#known.isHung(task)) throw tooSlow();
      if (this.#waiting.sizeOf(tenant) >= waitingPerTenant) throw tooMany(waitingPerTenant);
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.push(task);
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#spareTimer);
    this.#refuse(() => true, plannerEnded);
    const slots = [...this.#slots];
    for (const slot of slots) this.#drop(slot);
    await Promise.all(slots.map((slot) => slot.process.end()));
  }

  /** Gives work to the processes that have none, and sees that there are enough of them. */
  #next(): void {
    if (this.#closed) return;
    for (let idle = this.#idle(false); idle.length > 0; idle = this.#idle(false)) {
      const task = this.#waiting.take(
        (each) => !this.#known.isSuspect(each) && (idle.length > 1 || !this.#isPlanning(each.tenant)),
      );
      if (task === undefined) break;
      this.#assign(idle[0]!, task);
    }
    for (const slot of this.#idle(this.#mostSlow > 0)) {
      // Those first that merely share a tenant with what took long.
      const task =
        this.#waiting.take((each) => this.#known.isSuspect(each) && !this.#known.hasSlowShape(each)) ??
        this.#waiting.take((each) => this.#known.isSuspect(each));
      if (task === undefined) break;
      this.#assign(slot, task);
    }
    this.#makeRoomForSlow();
    this.#makeRoom();
  }

  #those(forSlow: boolean): Slot[] {
    return [...this.#slots].filter((slot) => slot.forSlow === forSlow);
  }

  /** Those that can plan and have nothing to do. */
  #idle(forSlow: boolean): Slot[] {
    return this.#those(forSlow).filter(({ ready, task }) => ready && task === undefined);
  }

  /** Whether a normal process plans for the tenant. */
  #isPlanning(tenant: string): boolean {
    return this.#those(false).some(({ task }) => task?.tenant === tenant);
  }

  /** Of the normal processes. */
  #makeRoom(): void {
    if (this.#mostSlow > 0 && this.#idle(false).length === 0) {
      // What takes long got in among them while every slow process had work.
      const slow = this.#those(false).find((slot) => slot.slow);
      if (slow !== undefined) this.#putBack(slow);
    }
    const count = this.#those(false).length;
    // Where starting fails, each attempt costs something that waits an error.
    const isWanted = this.#startFailed ? count === 0 && this.#waits(() => true) : count < this.#wanted;
    if (isWanted && this.#slots.size < this.#options.processes) this.#open({});
  }

  /** Of the slow ones; with a single process, of that. */
  #makeRoomForSlow(): void {
    const slots = this.#mostSlow > 0 ? this.#those(true) : [...this.#slots];
    const isFor = (task: Task): boolean => this.#mostSlow === 0 || this.#known.isSuspect(task);
    if (!this.#waits(isFor)) return;
    if (slots.length < this.#mostSlow) {
      const [idle] = this.#idle(false);
      if (this.#slots.size < this.#options.processes) this.#open({ forSlow: true });
      else if (idle !== undefined && this.#those(false).length > 1) {
        this.#setApart(idle);
        this.#next();
      }
      return;
    }
    // What has the same shape waits for what becomes of this one.
    const givenUp = slots.find(
      ({ task, patient, slow }) =>
        task !== undefined && slow && !patient && this.#waits((each) => isFor(each) && each.shape !== task.shape),
    );
    if (givenUp !== undefined) this.#giveUp(givenUp);
  }

  #waits(fits: (task: Task) => boolean): boolean {
    return this.#waiting.find(fits) !== undefined;
  }

  #open({ forSlow = false, wantsApiSchema = false }): Slot {
    const { program, heapMb, sdl, log } = this.#options;
    const process = new PlanningProcess({
      program,
      heapMb,
      supergraphSdl: sdl,
      wantsApiSchema,
      warmUp: this.#lastPlanned,
      onFailure: (error) => {
        log('The query planner ended and is replaced.', error);
        if (!slot.ready) {
          this.#startFailed = true;
          this.#lastPlanned = undefined; // It may have been this.
          this.#waiting.take((task) => this.#known.isSuspect(task) === slot.forSlow)?.reject(planningFailed(error));
        }
        if (slot.task !== undefined) {
          // It may have been what it planned that it died of.
          this.#remember(slot.task);
          slot.task.reject(planningFailed(error));
        }
        this.#drop(slot);
        this.#next();
      },
    });
    const slot: Slot = {
      process,
      ready: false,
      forSlow: false,
      cpuMs: undefined,
      slow: false,
      patient: true,
      timers: [],
    };
    if (forSlow) this.#setApart(slot);
    this.#slots.add(slot);
    process.ready.then(
      () => {
        slot.ready = true;
        this.#startFailed = false;
        this.#next();
      },
      () => undefined, // Told by `onFailure`.
    );
    return slot;
  }

  #wantSpare(): void {
    this.#wanted = Math.min(2, this.#options.processes);
    this.#startFailed = false;
    this.#next();
  }

  #assign(slot: Slot, task: Task): void {
    const { timeoutMs, cpuTimeOf } = this.#options;
    const after = (share: number, act: () => void) => {
      slot.timers.push(setTimeout(act, timeoutMs * share));
      return slot.timers.at(-1)!;
    };
    const look = (): void => {
      if (this.#hasWorked(slot, SLOW_SHARE)) this.#isSlow(slot, task);
      else after(SLOW_SHARE, look).unref();
      this.#wantSpare();
    };
    stopClock(slot); // It may have been about to end for want of work.
    slot.task = task;
    slot.cpuMs = cpuTimeOf(slot.process.pid);
    after(SLOW_SHARE, look).unref();
    after(PATIENCE_SHARE, () => {
      slot.patient = false;
      if (task.planFor.signal?.aborted === true) this.#giveUp(slot);
      this.#next();
    }).unref();
    after(1, () => {
      if (this.#hasWorked(slot, 1)) this.#remember(task);
      this.#giveUp(slot);
    });
    void slot.process
      .plan(task.request, timeoutMs)
      .then(
        (plan) => () => {
          if (!slot.slow) {
            this.#known.isQuick(task);
            this.#lastPlanned = task.request;
          }
          task.resolve(plan);
        },
        (error: unknown) => () => task.reject(error),
      )
      .then((settle) => {
        // Otherwise it was given up, or put back.
        if (slot.task !== task) return;
        settle();
        this.#finish(slot);
      });
  }

  /** Whether the task has had the processor for its part of a share of its time. */
  #hasWorked({ process, cpuMs }: Slot, share: number): boolean {
    const now = this.#options.cpuTimeOf(process.pid);
    return cpuMs === undefined || now === undefined || now - cpuMs >= this.#options.timeoutMs * share * WORKED_SHARE;
  }

  /** The process is for such from now on, where there may be another such; what comes next has the spare one. */
  #isSlow(slot: Slot, task: Task): void {
    slot.slow = true;
    this.#known.isSlow(task);
    if (!slot.forSlow && this.#mostSlow > 0) {
      const slow = this.#those(true);
      const unused = slow.find((each) => each.task === undefined);
      if (slow.length < this.#mostSlow) this.#setApart(slot);
      else if (unused !== undefined) {
        this.#end(unused);
        this.#setApart(slot);
      }
    }
  }

  #setApart(slot: Slot): void {
    slot.forSlow = true;
    slot.process.lowerPriority();
  }

  #finish(slot: Slot): void {
    stopClock(slot);
    slot.task = undefined;
    slot.slow = false;
    slot.patient = true;
    const end = (): void => {
      this.#end(slot);
      this.#next();
    };
    if (slot.forSlow) slot.timers = [setTimeout(end, PLAN.idleMs).unref()];
    this.#next();
  }

  /** The task takes too long: the process ends. */
  #giveUp(slot: Slot): void {
    this.#options.log('Planning an operation took too long; the query planner is replaced.');
    slot.task!.reject(tooSlow());
    this.#end(slot);
    this.#next();
  }

  /** The task waits for a slow process, which begins anew with it. */
  #putBack(slot: Slot): void {
    const task = slot.task!;
    slot.task = undefined;
    this.#end(slot);
    this.#waiting.push(task);
  }

  /** The like of it is refused at once from now on. */
  #remember(task: Task): void {
    this.#known.hangs(task);
    this.#refuse((each) => this.#known.isHung(each), tooSlow);
  }

  /** Refuses what waits. */
  #refuse(fits: (task: Task) => boolean, error: () => CodedError): void {
    for (let task = this.#waiting.take(fits); task !== undefined; task = this.#waiting.take(fits)) task.reject(error());
  }

  /** Whoever asked has left: what waits is dropped, what runs is given up once it has had its share. */
  #leave(task: Task, reason: unknown): void {
    task.reject(reason);
    if (this.#waiting.remove(task)) return;
    const slot = [...this.#slots].find((each) => each.task === task);
    if (slot?.patient === false) this.#giveUp(slot);
  }

  #end(slot: Slot): void {
    this.#drop(slot);
    void slot.process.end();
  }

  #drop(slot: Slot): void {
    stopClock(slot);
    slot.task?.reject(plannerEnded());
    slot.task = undefined;
    this.#slots.delete(slot);
  }
}

function stopClock(slot: Slot): void {
  for (const timer of slot.timers) clearTimeout(timer);
  slot.timers = [];
}
