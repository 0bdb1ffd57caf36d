/**
 * What goes on behind the requests: the outbox is delivered, documents that an older version cut are cut again, and on the
 * first start the corpus is ingested.
 */
import { startIndexer } from '#gateway/indexing/indexer.ts';
import { recutBehindStart } from '#gateway/indexing/recut-behind-start.ts';
import { systemCalls } from '#gateway/indexing/subgraph-call.ts';
import type { BackgroundServices, BackgroundWork } from '#gateway/server.ts';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { UPSERT_DOCUMENT, type DocumentInput } from './document-input.ts';
import { DEMO_COLLECTION } from './packages.ts';
import { startFirstRun, type FirstRunProgress } from './first-run.ts';
import { releaseMemory } from './release-memory.ts';

export interface BackgroundOptions {
  /** The project's folder; absent where no corpus is to be ingested. */
  corpus?: { root: string; onProgress?: (progress: FirstRunProgress) => void };
  /** Whether this process cuts documents again that an older version cut; of several workers one does. @default true */
  recut?: boolean;
  /** Whether it is said where a demo is there that this start does not ask for. @default false */
  tellOfDemo?: boolean;
}

/** Starts all of it; to be passed as `background` to `startServer`. */
export const startBackground =
  ({ corpus, recut = true, tellOfDemo = false }: BackgroundOptions = {}) =>
  (services: BackgroundServices): BackgroundWork => {
    const { clients, log, config, database } = services;
    if (database === undefined)
      return {
        ready: Promise.resolve(),
        progress: () => Promise.resolve(undefined),
        mutated: () => undefined,
        close: () => Promise.resolve(),
      };
    const indexer = startIndexer({ clients, log, ...config.bounds.indexing });
    const stop = new AbortController();
    const firstRun =
      // Documents are rows first: without the subgraph that has them there is nowhere to ingest to.
      corpus === undefined || !clients.has('relational')
        ? undefined
        : startFirstRun({
            root: corpus.root,
            dataDir: config.dataDir,
            database,
            count: (collection) => count(services, collection, stop.signal),
            upsert: (document) => upsert(services, document, stop.signal),
            indexed: (signal) => indexer.idle(signal),
            signal: stop.signal,
            onProgress: corpus.onProgress,
            onLeftOut: () => log.info('There are documents already, so the demo is left out; "npm run demo" adds it.'),
            onSkipped: ({ skipped, reason }) =>
              log.warn({ skipped, reason }, 'A document of the first corpus was not ingested.'),
          });
    void firstRun?.all.then((ingested) => {
      if (ingested) releaseMemory();
    });
    const telling =
      tellOfDemo && corpus === undefined && clients.has('relational')
        ? count(services, DEMO_COLLECTION, stop.signal).then(
            (documents) => {
              if (documents > 0)
                log.info({ documents }, 'The demo of an earlier start is here; "npm run demo -- --remove" removes it.');
            },
            () => undefined, // The store is away, or the server is stopping.
          )
        : undefined;
    const { recut: batch, longestRetrySeconds, callTimeoutMs } = config.bounds.indexing;
    const recutting =
      recut && clients.has('relational')
        ? recutBehindStart({
            call: systemCalls(clients, stop.signal, callTimeoutMs),
            batch,
            idle: (signal) => indexer.idle(signal),
            signal: stop.signal,
            log,
            longestRetrySeconds,
          })
        : undefined;
    return {
      ready: firstRun?.direct ?? Promise.resolve(),
      progress: async () => ({ ingestion: firstRun?.progress(), outbox: await indexer.status() }),
      mutated: () => indexer.wake(),
      close: async () => {
        stop.abort(new Error('The server is stopping.'));
        await firstRun?.all;
        await telling;
        await recutting;
        await indexer.close();
      },
    };
  };

const upsert = async (services: BackgroundServices, input: DocumentInput, signal: AbortSignal): Promise<void> => {
  await ask(services, UPSERT_DOCUMENT, { input }, signal);
};

async function count(
  services: BackgroundServices,
  collection: string | undefined,
  signal: AbortSignal,
): Promise<number> {
  const where = collection === undefined ? null : { collection: { eq: collection } };
  const { documents } = (await ask(services, COUNT_DOCUMENTS, { where }, signal)) as {
    documents: { totalCount: number };
  };
  return documents.totalCount;
}

const COUNT_DOCUMENTS = /* GraphQL */ `
  query CountDocuments($where: DocumentFilter) {
    documents(where: $where, first: 0) {
      totalCount
    }
  }
`;

/** Through the same door as every client. */
async function ask(
  { operations }: BackgroundServices,
  query: string,
  variables: Record<string, unknown>,
  signal: AbortSignal,
): Promise<unknown> {
  const operation = await operations.admit(
    { query, variables },
    { principal: DEVELOPER, requestId: `ingest-${crypto.randomUUID()}`, signal, own: true },
  );
  const result = await operation.run();
  if (Symbol.asyncIterator in result) throw new Error('The answer is a stream.');
  const [error] = result.errors ?? [];
  if (error !== undefined) throw error;
  return result.data;
}
