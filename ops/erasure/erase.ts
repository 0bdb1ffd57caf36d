/**
 * Erasing a tenant from every store, in an order that leaves nothing behind: what the other stores have, then PostgreSQL's rows, the
 * last of them in one transaction that no write is beside; then once more what deliveries that were under way have written to the
 * others. Each step may be done again.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { addCounts, type Counts, type StoreErasure } from '#subgraphs/shared/erasure.ts';
import type { PostgresErasure } from '#subgraphs/shared/postgres/erase.ts';
import { ERASURE } from './bounds.ts';
import type { Journal, Progress } from './journal.ts';

/** What there is to erase, and where. */
export interface Erased {
  readonly tenant: string;
  /** Undefined where PostgreSQL is off. */
  readonly postgres: PostgresErasure | undefined;
  readonly others: readonly StoreErasure[];
}

export interface Outcome {
  readonly progress: Progress;
  /** Whatever was written to PostgreSQL before this moment is gone; undefined without PostgreSQL. */
  readonly erasedBefore: string | undefined;
  /** By store: what is there now, which somebody has written since. Empty where nobody has. */
  readonly left: Readonly<Record<string, Counts>>;
}

/** What is kept of the tenant and its projects, and under what. */
export async function look({ tenant, postgres, others }: Erased): Promise<Pick<Progress, 'tenantIds' | 'found'>> {
  const ids = await Promise.all([postgres?.tenantIds() ?? [], ...others.map((store) => store.tenantIds(tenant))]);
  // What a store cannot tell is at least under the tenant itself.
  const tenantIds = [...new Set([tenant, ...ids.flat()])].sort();
  return { tenantIds, found: await countAll({ postgres, others }, tenantIds) };
}

async function countAll(
  { postgres, others }: Pick<Erased, 'postgres' | 'others'>,
  tenantIds: readonly string[],
): Promise<Record<string, Counts>> {
  const counted = await Promise.all([
    ...(postgres === undefined ? [] : [postgres.count(tenantIds).then((counts) => ['postgres', counts] as const)]),
    ...others.map(async (store) => [store.store, await store.count(tenantIds)] as const),
  ]);
  return Object.fromEntries(counted.filter(([, counts]) => Object.keys(counts).length > 0));
}

/**
 * Erases.
 * @param journal of an attempt before, which this one goes on with
 * @param tell told of each step
 * @throws CodedError of a store that does not answer; running it again goes on
 */
export async function erase(
  erased: Erased,
  journal: Journal,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<Outcome> {
  const { postgres, others } = erased;
  const before = await journal.read();
  const seen = await look(erased);
  const tenantIds = [...new Set([...seen.tenantIds, ...(before?.tenantIds ?? [])])].sort();
  let progress: Progress = {
    startedAt: before?.startedAt ?? new Date().toISOString(),
    tenantIds,
    found: before?.found ?? seen.found,
    erased: before?.erased ?? {},
  };
  await journal.write(progress);
  if (before !== undefined) tell(`Going on with the erasure that began at ${before.startedAt}.`);

  const done = async (store: string, counts: Counts): Promise<void> => {
    if (Object.keys(counts).length === 0) return;
    tell(`${store}: ${inWords(counts)} erased`);
    progress = {
      ...progress,
      erased: { ...progress.erased, [store]: addCounts(progress.erased[store] ?? {}, counts) },
    };
    await journal.write(progress);
  };
  const eraseOthers = async (): Promise<void> => {
    for (const store of others) await done(store.store, await store.erase(tenantIds, signal));
  };

  await eraseOthers();
  let erasedBefore: string | undefined;
  if (postgres !== undefined) {
    const deliveredBy = await postgres.deliveredBy(tenantIds);
    await done('postgres', await postgres.erase(tenantIds, signal));
    const later = await postgres.deliveredBy(tenantIds);
    const { counts, at } = await postgres.eraseLast(tenantIds, signal);
    await done('postgres', counts);
    erasedBefore = at.toISOString();
    const until = Math.max(...[deliveredBy, later].map((date) => date?.getTime() ?? 0));
    const wait = Math.min(until - Date.now(), ERASURE.leaseMs);
    if (wait > 0) {
      tell(`Waiting ${Math.ceil(wait / 1_000)} s for deliveries that were under way.`);
      await delay(wait, undefined, { signal });
    }
    await eraseOthers();
    await postgres.vacuum();
  }
  return { progress, erasedBefore, left: await countAll(erased, tenantIds) };
}

/** `3 documents, 12 chunks` */
export const inWords = (counts: Counts): string =>
  Object.entries(counts)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
