/**
 * `npm run demo`: has a running server ingest the demo, the documentation of the packages that this project has installed;
 * `npm run demo -- --remove` removes it, and nothing else: all documents of the collection `demo`.
 *
 * Exit codes: 0 done, 1 some could not be (each is named), 2 nothing could be done.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { showProgress } from './bootstrap/progress.mjs';
import { INGEST } from './ingest/bounds.ts';
import { documentsOverHttp, serverAddress, type ServerAddress } from './ingest/over-http.ts';
import { DEMO_COLLECTION, installedPackages, packageDocuments } from './ingest/packages.ts';
import { eachOf, ingest } from './ingest/run.ts';

const USAGE = `Usage: npm run demo [-- --remove] [--url http://127.0.0.1:4000/graphql] [--token <access token or API key>]

The token may also come from TRIBUTARY_TOKEN.`;

/** The project's own folder, where its lock file and packages are. */
const PROJECT = fileURLToPath(new URL('../', import.meta.url));

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      remove: { type: 'boolean', default: false },
      url: { type: 'string' },
      token: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    console.log(USAGE);
    return 0;
  }
  const server = serverAddress(values);
  return values.remove ? await remove(server) : await add(server);
}

async function add(server: ServerAddress): Promise<number> {
  const packages = await installedPackages(PROJECT);
  const documents = documentsOverHttp(server);
  let read = 0;
  const progress = showProgress('Ingesting the demo', packages.length);
  async function* counted() {
    for (const one of packages) {
      yield* packageDocuments([one]);
      read++;
    }
  }
  const { written, skipped } = await ingest(counted(), {
    upsert: async (document) => void (await documents.upsert(document)),
    onProgress: () => progress.update(read),
  });
  progress.end();
  for (const { skipped: what, reason } of skipped) console.error(`Could not ingest ${what}: ${reason}.`);
  console.log(`The collection "${DEMO_COLLECTION}" has ${written} documents of ${packages.length} packages.`);
  return skipped.length === 0 ? 0 : 1;
}

async function remove(server: ServerAddress): Promise<number> {
  await firstRunIsOver(server);
  const documents = documentsOverHttp(server);
  let removed = 0;
  // Read in pages, so that it is the same for any number of them.
  await eachOf(documents.list({ collection: { eq: DEMO_COLLECTION } }), async ({ id }) => {
    await documents.remove(id);
    removed++;
  });
  console.log(
    removed === 0
      ? `There is nothing in the collection "${DEMO_COLLECTION}".`
      : `Removed ${removed} documents of the collection "${DEMO_COLLECTION}"; what the other stores have of them follows.`,
  );
  return 0;
}

/** A server that is still adding the demo would go on. */
async function firstRunIsOver({ url }: ServerAddress): Promise<void> {
  for (let told = false; await isFirstRun(url); told = true) {
    if (!told) console.log('The server is still adding the demo; it is removed as soon as that is done.');
    await pause(INGEST.watchMs);
  }
}

async function isFirstRun(url: string): Promise<boolean> {
  try {
    const response = await fetch(new URL('/health/ready', url), { signal: AbortSignal.timeout(INGEST.requestMs) });
    const { progress } = (await response.json()) as { progress?: { ingestion?: { state?: string } } };
    return progress?.ingestion?.state === 'running';
  } catch {
    return false; // Whether there is a server is told by the first document that is asked for.
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
