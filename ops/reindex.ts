/**
 * `npm run reindex`: embeds again what another embedding model embedded (or the same with another passage prefix or number of
 * dimensions), in whichever store vectors are. Configured by the same variables as the server, beside which it may run; whoever
 * is ended goes on when it is run again.
 *
 * Exit codes: 0 all vectors are of the one model, 1 some are of others (with `--look`), 2 nothing more could be done.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { parse } from 'graphql';
import { systemCalls } from '#gateway/indexing/subgraph-call.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { VECTOR } from '#subgraphs/vector/bounds.ts';
import { showProgress } from './bootstrap/progress.mjs';
import { configBesideServer, openStores } from './reconcile/open-stores.ts';
import { explain, tellUsage } from './serve/explain.ts';
import { stopBySignal } from './serve/stop-by-signal.ts';

process.env['APOLLO_TELEMETRY_DISABLED'] = 'true';

const USAGE = `Usage: npm run reindex [-- [--look]]

  --look    says what is of another model, and embeds nothing

Embeds again what another EMBEDDING_MODEL (or EMBEDDING_PASSAGE_PREFIX, EMBEDDING_DIMENSIONS) embedded. A served model may cost
money for it. Configured by the same variables as the server, which may run meanwhile. Ended before it is done, it goes on
where it was when it is run again.`;

const REINDEX = parse(
  'mutation Reindex($look: Boolean!) { reindexVectors(look: $look) { state was model done total } }',
);

interface Reindexed {
  readonly state: 'MORE' | 'DONE' | 'ELSEWHERE';
  readonly was: string | null;
  readonly model: string | null;
  readonly done: number;
  readonly total: number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { look: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help === true) return tellUsage(USAGE, true);
  const stop = stopBySignal('; running it again goes on');
  const config = await configBesideServer(process.env);
  const log = createLogger(config.log);
  // What is mounted here does not begin by itself.
  const asked = { ...config, stores: { ...config.stores, reindex: 'OFF' as const } };
  await using stores = await openStores(asked, log, ['relational', 'inference', 'vector']);
  const call = systemCalls(stores.clients, stop.signal, config.bounds.indexing.callTimeoutMs);
  const reindex = async (look: boolean): Promise<Reindexed> =>
    (await call<{ reindexVectors: Reindexed }>('vector', REINDEX, { look })).reindexVectors;

  const begun = await reindex(true);
  if (begun.state === 'DONE') {
    console.log('All vectors are of the model that embeds now.');
    return 0;
  }
  const { was, model, total } = begun;
  console.log(`${total} stored texts are embedded again by ${model}: ${was} embedded them. ${begun.done} are done.`);
  if (values.look === true) return 1;
  const bar = showProgress('Embedding again', total);
  try {
    for (let told = false; ;) {
      const { state, done } = await reindex(false);
      if (state === 'DONE') break;
      bar.update(done);
      if (state !== 'ELSEWHERE') continue;
      if (!told) console.error('Another process is at it; its progress is shown.');
      told = true;
      await delay(VECTOR.renewalStepMs, undefined, { signal: stop.signal });
    }
    bar.update(total);
  } finally {
    bar.end();
  }
  console.log('Done: all vectors are of that model.');
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(explain(error));
  console.error('Running it again goes on where this one was.');
  process.exitCode = 2;
}
