/** One process that plans, one operation at a time. */
import { fork, type ChildProcess } from 'node:child_process';
import { constants, getPriority, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { PlanRequest } from '../plan-request.ts';
import { SUPPORTED_FEATURES } from '../supported-features.ts';
import { PLAN } from '#gateway/bounds/plan.ts';
import { plannerEnded, planningFailed } from './planning-errors.ts';

type Message =
  { ready: true; apiSdl?: string } | { failed: string } | { id: number; plan: string } | { id: number; error: string };

interface Pending {
  readonly id: number;
  resolve(plan: string): void;
  reject(error: unknown): void;
}

export interface PlanningProcessOptions {
  /** Plain JavaScript. */
  program: URL;
  heapMb: number;
  supergraphSdl: string;
  /** Whether {@link PlanningProcess.ready} is to give the API schema. */
  wantsApiSchema: boolean;
  /** Planned before it is ready, since the first plan of a process takes ten times as long as those after it. */
  warmUp?: PlanRequest;
  /** Called once when the process ends by itself. */
  onFailure(error: unknown): void;
}

export class PlanningProcess {
  /** Resolves to the API schema (empty unless wanted); rejects when the supergraph cannot be planned on. */
  readonly ready: Promise<string>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #ended = false;
  #id = 0;
  #pending: Pending | undefined;

  constructor({ program, heapMb, supergraphSdl, wantsApiSchema, warmUp, onFailure }: PlanningProcessOptions) {
    this.#child = fork(fileURLToPath(program), [], {
      // Nothing of the gateway's: not its loader, not its secrets.
      // Its garbage is its own thread's to collect, so that one which is full of it takes no second core, and the priority
      // of that thread is that of the process.
      execArgv: [`--max-old-space-size=${heapMb}`, `--stack-size=${PLAN.stackKb}`, '--single-threaded-gc'],
      env: { NODE_ENV: 'production', APOLLO_TELEMETRY_DISABLED: 'true' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const child = this.#child;
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()));
    this.ready = new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        reject(error);
        this.#settle()?.reject(planningFailed(error));
        if (this.#ended) return;
        void this.end();
        onFailure(error);
      };
      child.on('message', (message: Message) => {
        if ('ready' in message) {
          // From here on the timer of a running operation keeps this process alive.
          child.unref();
          child.channel?.unref();
          resolve(message.apiSdl ?? '');
        } else if ('failed' in message) fail(new Error(message.failed));
        else this.#answer(message);
      });
      child.on('error', fail);
      child.on('exit', (code, signal) => fail(new Error(`The planning process ended (${signal ?? `code ${code}`}).`)));
    });
    this.ready.catch(() => undefined); // Reported by `onFailure`.
    this.#send({
      supergraphSdl,
      supportedFeatures: SUPPORTED_FEATURES,
      wantsApiSchema,
      warmUp: warmUp && { ...warmUp, limitMs: PLAN.graceMs },
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** From here on it runs when others need not: nothing gives a process its priority back. */
  lowerPriority(): void {
    try {
      const { PRIORITY_BELOW_NORMAL, PRIORITY_LOW } = constants.priority;
      setPriority(this.#child.pid!, Math.min(getPriority() + PRIORITY_BELOW_NORMAL, PRIORITY_LOW));
    } catch {
      // It has ended, or the system knows no priorities: it is slow all the same, and that is told elsewhere.
    }
  }

  /** @returns the plan as JSON */
  plan({ operation, overrides }: PlanRequest, limitMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#pending = { id: ++this.#id, resolve, reject };
      this.#send({ id: this.#id, operation, overrides, limitMs: limitMs + PLAN.graceMs });
    });
  }

  /** Ends it at once, whatever it does; what it was planning is refused. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#settle()?.reject(plannerEnded());
    // Somebody waits for its end: where nothing else is left to do, the gateway's own process would end before, without a word.
    this.#child.ref();
    this.#child.kill('SIGKILL');
    await (this.#child.pid === undefined ? undefined : this.#exited);
  }

  #send(message: object): void {
    // A process that has just died is reported by its end.
    this.#child.send(message, () => undefined);
  }

  #settle(): Pending | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }

  #answer(message: { id: number; plan: string } | { id: number; error: string }): void {
    if (this.#pending?.id !== message.id) return;
    const { resolve, reject } = this.#settle()!;
    if ('plan' in message) resolve(message.plan);
    else reject(planningFailed(new Error(message.error)));
  }
}
