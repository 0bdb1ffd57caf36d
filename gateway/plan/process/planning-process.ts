/** One process that plans, one operation at a time. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { PlanRequest } from '../plan-request.ts';
import { SUPPORTED_FEATURES } from '../supported-features.ts';
import { PLAN } from '#gateway/bounds/plan.ts';

type Message =
  { ready: true; apiSdl?: string } | { failed: string } | { id: number; plan: string } | { id: number; error: string };

interface Pending {
  readonly id: number;
  resolve(plan: string): void;
  reject(error: unknown): void;
}

/** The operation could not be planned: what the planner itself said is the cause. */
export const planningFailed = (cause: unknown): CodedError =>
  new CodedError('INTERNAL_SERVER_ERROR', 'The operation could not be planned.', { cause });

export class PlanningProcess {
  /** Resolves to the API schema (empty unless wanted); rejects when the supergraph cannot be planned on. */
  readonly ready: Promise<string>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #ended = false;
  #id = 0;
  #pending: Pending | undefined;

  /** @param onFailure called once when the process ends by itself */
  constructor(
    program: URL,
    heapMb: number,
    supergraphSdl: string,
    wantsApiSchema: boolean,
    onFailure: (error: unknown) => void,
  ) {
    this.#child = fork(fileURLToPath(program), [], {
      // Nothing of the gateway's: not its loader, not its secrets.
      execArgv: [`--max-old-space-size=${heapMb}`, `--stack-size=${PLAN.stackKb}`],
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
    this.#send({ supergraphSdl, supportedFeatures: SUPPORTED_FEATURES, wantsApiSchema });
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
    this.#settle()?.reject(new CodedError('INTERNAL_SERVER_ERROR', 'The query planner has ended.'));
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
