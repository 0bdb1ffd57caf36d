/**
 * `npm run reconcile [-- --mend]`: compares the object, vector and graph stores with the documents, and the remembered facts, of the relational
 * store, which is the truth, and names what is missing, stale or orphaned, and how many documents were cut otherwise than
 * today. With `--mend` it has those cut again and the outbox deliver all of that, and waits until it has. Configured by the same variables as the server, beside which
 * it may run, with the embedded store too.
 *
 * Exit codes: 0 the stores agree (or do now), 1 they differ or could not all be compared, 2 nothing could be done.
 */
import { parseArgs } from 'node:util';
import { startIndexer } from '#gateway/indexing/indexer.ts';
import { reconcile, type Difference, type ReconcileReport } from '#gateway/indexing/reconcile.ts';
import type { RecutReport } from '#gateway/indexing/recut.ts';
import { systemCalls } from '#gateway/indexing/subgraph-call.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { configBesideServer, openStores } from './reconcile/open-stores.ts';
import { explain, tellUsage } from './serve/explain.ts';
import { stopBySignal } from './serve/stop-by-signal.ts';

process.env['APOLLO_TELEMETRY_DISABLED'] = 'true';

const USAGE = `Usage: npm run reconcile [-- [--mend] [--tenant <id>] [--quiet]]

  --mend    has what differs delivered again, and waits for it
  --tenant  of one tenant alone
  --quiet   without a line for each difference

Configured by the same variables as the server, which may run meanwhile.`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      mend: { type: 'boolean' },
      tenant: { type: 'string' },
      quiet: { type: 'boolean', short: 'q' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return tellUsage(USAGE, true);
  const stop = stopBySignal('; running it again goes on');
  const config = await configBesideServer(process.env);
  const log = createLogger(config.log);
  await using stores = await openStores(config, log);
  const call = systemCalls(stores.clients, stop.signal, config.bounds.indexing.callTimeoutMs);
  const mend = values.mend === true;
  const onDifference = values.quiet === true ? undefined : (difference: Difference) => console.log(tell(difference));
  const report = await reconcile({
    call,
    mend,
    tenantId: values.tenant,
    onDifference,
    onRefused: ({ tenantId, id, reason }) => console.error(`${tenantId}: ${id} cannot be cut again: ${reason}`),
  });
  const { cutting } = report;
  if (cutting.otherwise > 0) console.log(tellCutting(cutting, mend));
  console.log(summary(report));
  for (const [store, why] of Object.entries(report.skipped))
    console.error(`The ${store.toLowerCase()} store was not compared: ${why}`);
  const compared = Object.keys(report.skipped).length === 0;
  const agree = report.found === 0 && cutting.otherwise === 0;
  if (!mend || agree) return agree && compared ? 0 : 1;

  const indexer = startIndexer({ clients: stores.clients, log, ...config.bounds.indexing });
  try {
    await indexer.idle(stop.signal);
    const { pending, failed } = (await indexer.status()) ?? { pending: 0, failed: 0 };
    console.log(
      failed + pending === 0
        ? 'Everything is delivered.'
        : `${pending} deliveries are still pending and ${failed} have failed; they will be tried again.`,
    );
    return failed + pending + cutting.refused === 0 && compared ? 0 : 1;
  } finally {
    await indexer.close();
  }
}

const tell = ({ tenantId, store, kind, documentId }: Difference): string =>
  kind === 'ORPHAN'
    ? `${tenantId}: the ${store.toLowerCase()} store has something of ${documentId}, which does not exist.`
    : `${tenantId}: the ${store.toLowerCase()} store has nothing, or something else, of ${documentId}.`;

function tellCutting({ otherwise, recut, unchanged, refused }: RecutReport, mend: boolean): string {
  const were = `${otherwise} ${otherwise === 1 ? 'document was' : 'documents were'} cut by an older version or for another limit`;
  if (!mend) return `${were}. Run with --mend to cut them again; a start of the server does, too.`;
  return `${were}: the chunks of ${recut} are others now, those of ${unchanged} stay, ${refused} could not be cut again.`;
}

function summary({ tenants, documents, facts, messages, differences, found, redelivered }: ReconcileReport): string {
  const parts = Object.entries(differences).flatMap(([store, { DIFFERS, ORPHAN }]) =>
    DIFFERS + ORPHAN === 0 ? [] : [`${store.toLowerCase()} ${DIFFERS} missing or stale, ${ORPHAN} orphaned`],
  );
  const besides = [
    facts === 0 ? [] : `${facts} remembered ${facts === 1 ? 'fact' : 'facts'}`,
    messages === 0 ? [] : `${messages} ${messages === 1 ? 'message' : 'messages'}`,
  ].flat();
  const remembered = besides.map((each) => ` and ${each}`).join('');
  const of = `${documents} ${documents === 1 ? 'document' : 'documents'}${remembered} of ${tenants} ${tenants === 1 ? 'tenant' : 'tenants'}`;
  if (found === 0) return `Compared ${of}: no differences.`;
  return `Compared ${of}: ${parts.join('; ')}.${redelivered === 0 ? ' Run with --mend to deliver them again.' : ` ${redelivered} will be delivered again.`}`;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(explain(error));
  process.exitCode = 2;
}
