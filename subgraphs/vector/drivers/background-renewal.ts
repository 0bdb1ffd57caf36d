/** Embedding again behind the requests, from the start of the server on. */
import { setTimeout as delay } from 'node:timers/promises';
import { CodedError, messageWithHint } from '#subgraphs/shared/errors.ts';
import { VECTOR } from '../bounds.ts';
import type { ModelRenewer, RenewalPlan } from '../driver.ts';
import { Renewal } from './renewal.ts';

export interface BackgroundRenewalOptions {
  /** Only what costs nothing: see {@link ModelRenewer.plan}. */
  readonly free: boolean;
  /** Told what an operator should know. */
  readonly log: (message: string) => void;
}

/** What may be otherwise in a while: a server that is down, a budget that is spent, a limit that is reached. */
const PASSING: readonly string[] = [
  'STORE_UNAVAILABLE',
  'STORE_TIMEOUT',
  'RATE_LIMITED',
  'BUDGET_EXCEEDED',
  'SUBGRAPH_UNAVAILABLE',
  'SUBGRAPH_TIMEOUT',
];

export class BackgroundRenewal {
  readonly #renewer: ModelRenewer;
  readonly #options: BackgroundRenewalOptions;
  readonly #renewal: Renewal;
  #plan: RenewalPlan | undefined;

  constructor(renewer: ModelRenewer, options: BackgroundRenewalOptions) {
    this.#renewer = renewer;
    this.#options = options;
    this.#renewal = new Renewal({
      run: (stopping, stopped) => this.#run(stopping, stopped),
      failed: 'Stored texts were not all embedded again',
      log: options.log,
    });
  }

  /** Resolves once all is embedded by one model, or the first failure that does not pass was logged. */
  get done(): Promise<void> {
    return this.#renewal.done;
  }

  /** How far it is, as a sentence; undefined while nothing is embedded again. */
  get progress(): string | undefined {
    if (this.#plan === undefined) return undefined;
    const { to, was, done, total } = this.#plan;
    return `What ${was} embedded is being embedded again by ${to.model}: ${done} of ${total} texts are done. Until then searches by meaning are refused.`;
  }

  close(): Promise<void> {
    return this.#renewal.close();
  }

  async #run(stopping: () => boolean, stopped: AbortSignal): Promise<void> {
    const { free, log } = this.#options;
    const begun = await this.#untilAsked(() => this.#renewer.plan(free), stopping, stopped);
    if (begun === undefined) return;
    this.#plan = begun;
    log(
      `The embedder is ${begun.to.model} now, and was ${begun.was}: ${begun.what} is embedded again, ${begun.total} texts of which ${begun.done} are done. Until then searches by meaning are refused, and those by words answered; EMBEDDING_MODEL=${begun.from.join(', ')} keeps the one of before.`,
    );
    let [looked, told] = [performance.now(), performance.now()];
    while (!stopping()) {
      const state = await this.#untilAsked(() => this.#renewer.piece(begun, stopping), stopping, stopped);
      if (state === 'DONE') break;
      if (state === 'ELSEWHERE') await delay(VECTOR.renewalWaitMs, undefined, { signal: stopped });
      if (performance.now() - looked < VECTOR.renewalStepMs) continue;
      looked = performance.now();
      this.#plan = (await this.#renewer.plan(free)) ?? this.#plan;
      if (performance.now() - told < VECTOR.renewalToldMs) continue;
      told = performance.now();
      log(`${this.#plan.done} of ${this.#plan.total} texts are embedded again.`);
    }
    this.#plan = undefined;
    if (!stopping()) log(`${begun.total} stored texts were embedded again.`);
  }

  /** Asks until what passes has passed; the same reason is told once. */
  async #untilAsked<T>(ask: () => Promise<T>, stopping: () => boolean, stopped: AbortSignal): Promise<T> {
    for (let failed = ''; ;) {
      try {
        return await ask();
      } catch (error) {
        if (stopping() || !(error instanceof CodedError && PASSING.includes(error.code))) throw error;
        if (failed !== error.code)
          this.#options.log(`Embedding again waits, and goes on by itself: ${messageWithHint(error)}`);
        failed = error.code;
        await delay(VECTOR.renewalWaitMs, undefined, { signal: stopped });
      }
    }
  }
}
