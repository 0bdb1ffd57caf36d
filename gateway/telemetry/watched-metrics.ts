/** Metrics that are asked for when somebody reads them. */
import type { Meter, ObservableResult } from '@opentelemetry/api';
import { withTimeout } from '#subgraphs/shared/with-timeout.ts';
import type { Watched } from './watched.ts';

const BREAKER = { closed: 0, 'half-open': 0.5, open: 1 } as const;

/** @param withinMs how long each is waited for; one that takes longer is left out */
export function watchServer(meter: Meter, watched: Watched, withinMs: number): void {
  const gauge = (
    name: string,
    description: string,
    unit: string,
    read: (result: ObservableResult) => void | Promise<void>,
  ): void =>
    meter.createObservableGauge(name, { description, unit }).addCallback(async (result) => {
      await read(result);
    });
  const counter = (name: string, description: string, unit: string, read: (result: ObservableResult) => void): void =>
    meter.createObservableCounter(name, { description, unit }).addCallback(read);

  gauge('tributary.ready', '1 while requests are answered.', '', (result) => result.observe(Number(watched.ready())));
  gauge(
    'tributary.supergraph.current',
    '1 while the supergraph that serves is the one that was written last; 0 while a later one has faults.',
    '',
    (result) => result.observe(Number(watched.current())),
  );
  gauge('tributary.store.up', '1 for a store that answers, 0 for one that is down.', '', async (result) => {
    const stores = (await within(watched.stores(), withinMs)) ?? {};
    for (const [subgraph, all] of Object.entries(stores))
      for (const { store, state } of all)
        if (state !== 'disabled') result.observe(Number(state === 'ok'), { subgraph, store });
  });
  counter('tributary.requests.refused', 'Requests that a limit refused.', '{request}', (result) => {
    for (const [limit, count] of Object.entries(watched.refused())) result.observe(count, { limit });
  });
  gauge('tributary.plan_cache.entries', 'Plans that are kept.', '{plan}', (result) =>
    result.observe(watched.plans().entries),
  );
  counter('tributary.plan_cache.requests', 'Plans that were asked for.', '{request}', (result) => {
    const { hits, misses } = watched.plans();
    result.observe(hits, { result: 'hit' });
    result.observe(misses, { result: 'miss' });
  });
  gauge(
    'tributary.postgres.connections',
    'Connections to PostgreSQL by what they are doing.',
    '{connection}',
    (result) => {
      const pool = watched.pool();
      if (pool === undefined) return;
      result.observe(pool.used, { state: 'used' });
      result.observe(pool.idle, { state: 'idle' });
    },
  );
  gauge('tributary.postgres.connections.max', 'The most connections to PostgreSQL.', '{connection}', (result) => {
    const pool = watched.pool();
    if (pool !== undefined) result.observe(pool.max);
  });
  gauge('tributary.postgres.waiting', 'Requests that wait for a connection to PostgreSQL.', '{request}', (result) => {
    const pool = watched.pool();
    if (pool !== undefined) result.observe(pool.waiting);
  });
  let asked: ReturnType<Watched['outbox']> | undefined;
  /** Once for all that is told of it. */
  const outbox = async (): ReturnType<Watched['outbox']> => {
    asked ??= within(watched.outbox(), withinMs).finally(() => (asked = undefined));
    return await asked;
  };
  gauge('tributary.outbox.entries', 'Changes that are to be delivered to other stores.', '{entry}', async (result) => {
    const status = await outbox();
    if (status === undefined) return;
    result.observe(status.pending, { state: 'pending' });
    result.observe(status.failed, { state: 'failed' });
  });
  gauge('tributary.outbox.age', 'The age of the oldest change that is not delivered.', 's', async (result) => {
    const status = await outbox();
    if (status !== undefined) result.observe(status.oldestPendingSeconds ?? 0);
  });
  gauge(
    'tributary.subgraph.breaker',
    'Circuit breakers of subgraphs elsewhere: 0 closed, 0.5 half open, 1 open.',
    '',
    (result) => {
      for (const [subgraph, state] of Object.entries(watched.breakers())) result.observe(BREAKER[state], { subgraph });
    },
  );
  gauge('tributary.sockets.open', 'Open WebSockets.', '{socket}', (result) => result.observe(watched.sockets()));
}

/** What fails is as little known as what is late. */
const within = <T>(work: Promise<T>, ms: number): Promise<T | undefined> =>
  withTimeout(
    work.catch(() => undefined),
    ms,
  );
