/**
 * Delivers the outbox to the configured stores and kills itself (SIGKILL, as a machine does) before or after the call
 * that KILL_AT names, such as `after IndexDocumentVectors`; without it, delivers everything and says so.
 */
import { Kind } from 'graphql';
import { loadConfig } from '#gateway/config/config.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { startIndexer } from '#gateway/indexing/indexer.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { openStores } from '#ops/reconcile/open-stores.ts';

const config = loadConfig();
const log = createLogger(config.log);
await using stores = await openStores(config, log);
const [when, at] = (process.env['KILL_AT'] ?? '').split(' ');
const clients = new Map<string, SubgraphClient>(
  [...stores.clients].map(([name, client]) => [
    name,
    {
      name,
      execute: async (request) => {
        const [definition] = request.document.definitions;
        const hit = definition?.kind === Kind.OPERATION_DEFINITION && definition.name?.value === at;
        if (hit && when === 'before') process.kill(process.pid, 'SIGKILL');
        const result = await client.execute(request);
        if (hit && when === 'after') process.kill(process.pid, 'SIGKILL');
        return result;
      },
      subscribe: (request) => client.subscribe(request),
      close: () => client.close(),
    },
  ]),
);
const indexer = startIndexer({ clients, log });
await indexer.idle();
console.log(JSON.stringify(await indexer.status()));
await indexer.close();
