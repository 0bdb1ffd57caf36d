/**
 * Metrics of several processes on one port: whoever is asked by Prometheus asks the first process, which asks every worker. One that
 * does not answer in time is left out.
 */
import type { Worker } from 'node:cluster';
import type { Collected, OfWorker, SharedMetrics } from '#gateway/telemetry/metrics.ts';
import { SERVE } from './bounds.ts';

/** What a worker says, and is told, about metrics. */
export type MetricsMessage =
  /** Of a worker: all are to be gathered. Of the first process: yours are asked for. */
  | { readonly metrics: 'asked'; readonly id: number }
  /** Of a worker: its own, or undefined where it has none. */
  | { readonly metrics: 'own'; readonly id: number; readonly own: Collected | undefined }
  /** Of the first process: everybody's. */
  | { readonly metrics: 'all'; readonly id: number; readonly all: readonly OfWorker[] };

export const isAboutMetrics = (message: object): message is MetricsMessage => 'metrics' in message;

/** In the first process. */
export class MetricsOfWorkers {
  readonly #workers: ReadonlyMap<Worker, number>;
  readonly #waiting = new Map<number, (worker: Worker, own: Collected | undefined) => void>();
  #gathering: Promise<OfWorker[]> | undefined;
  #asked = 0;

  /** @param workers those that run, with their numbers */
  constructor(workers: ReadonlyMap<Worker, number>) {
    this.#workers = workers;
  }

  /** Of every worker that answers, by their numbers; once for all who ask at the same time. */
  gather(): Promise<OfWorker[]> {
    return (this.#gathering ??= this.#gather().finally(() => (this.#gathering = undefined)));
  }

  async #gather(): Promise<OfWorker[]> {
    const id = ++this.#asked;
    const asked = [...this.#workers].filter(([worker]) => worker.isConnected());
    const answers = new Map<Worker, Collected | undefined>();
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, SERVE.gatherMs);
      const look = (): void => {
        if (!asked.every(([worker]) => answers.has(worker) || !worker.isConnected())) return;
        clearTimeout(late);
        resolve();
      };
      this.#waiting.set(id, (worker, own) => {
        answers.set(worker, own);
        look();
      });
      for (const [worker] of asked) {
        worker.once('disconnect', look);
        worker.send({ metrics: 'asked', id } satisfies MetricsMessage);
      }
      look();
    });
    this.#waiting.delete(id);
    return asked
      .sort(([, a], [, b]) => a - b)
      .flatMap(([worker, number]) => {
        const collected = answers.get(worker);
        return collected === undefined ? [] : [{ worker: number, collected }];
      });
  }

  /** What `worker` said. */
  hear(worker: Worker, message: MetricsMessage): void {
    if (message.metrics === 'own') this.#waiting.get(message.id)?.(worker, message.own);
    if (message.metrics !== 'asked') return;
    void this.gather().then((all) => {
      if (worker.isConnected()) worker.send({ metrics: 'all', id: message.id, all } satisfies MetricsMessage);
    });
  }
}

/** In a worker: gives its own when it is asked, and asks for everybody's. */
export function metricsOfAllWorkers(): SharedMetrics {
  const waiting = new Map<number, (all: readonly OfWorker[]) => void>();
  let collect: (() => Promise<Collected>) | undefined;
  let asked = 0;
  process.on('message', (message: object) => {
    if (!isAboutMetrics(message)) return;
    const { id } = message;
    if (message.metrics === 'all') waiting.get(id)?.(message.all);
    if (message.metrics !== 'asked') return;
    const tell = (own: Collected | undefined): void =>
      void process.send?.({ metrics: 'own', id, own } satisfies MetricsMessage);
    if (collect === undefined) return tell(undefined);
    collect().then(tell, () => tell(undefined));
  });
  return {
    provide: (own) => {
      collect = own;
    },
    all: async () => {
      const id = ++asked;
      return await new Promise((resolve) => {
        const done = (all: readonly OfWorker[]): void => {
          clearTimeout(late);
          waiting.delete(id);
          resolve(all);
        };
        // The first process answers by then, with whatever it has.
        const late = setTimeout(done, SERVE.gatherMs * 2, []);
        waiting.set(id, done);
        process.send?.({ metrics: 'asked', id } satisfies MetricsMessage);
      });
    },
  };
}
