/**
 * `npm run ingest -- <folder>`: sends a folder of documents to a running server through the public mutation
 * `upsertDocument`. Running it again completes an interrupted run; documents that have not changed are left as they
 * are.
 *
 * Then waits until the other stores have them, so that searches find them.
 *
 * Exit codes: 0 all recorded, 1 some could not be (each is named) or are not in every store yet, 2 nothing could be done.
 */
import { parseArgs } from 'node:util';
import { onOneLine } from '#gateway/telemetry/one-line.ts';
import { showProgress } from './bootstrap/progress.mjs';
import { INGEST } from './ingest/bounds.ts';
import { FolderIngestion, type FolderReport } from './ingest/folder-ingestion.ts';
import { lookThrough, type Folder } from './ingest/folder.ts';
import { documentsOverHttp, serverAddress, type Documents } from './ingest/over-http.ts';
import { countsOf, detailsOf, didSomething } from './ingest/tell.ts';
import { toldLate, untilIndexed, type Late } from './ingest/wait.ts';
import { watchFolder } from './ingest/watch.ts';
import { SERVE } from './serve/bounds.ts';
import { tellUsage } from './serve/explain.ts';

const USAGE = `Usage: npm run ingest -- <folder> [--name <name>] [--collection <name>] [--prune] [--watch] [--adopt]
                                 [--wait <seconds> | --no-wait]
                                 [--url http://127.0.0.1:4000/graphql] [--token <access token or API key>]

  --name    what the sources of its documents begin with; the folder's own name when absent
  --collection  the collection that they are in; where they are already when absent, "default" at first
  --prune   removes documents whose files are gone; without it they are listed
  --watch   goes on, and ingests what changes, until Ctrl-C
  --adopt   takes documents of this name that were ingested from another place for this folder's
  --wait    for how long to wait at most until searches find what was written; ${INGEST.waitSeconds} seconds when absent
  --no-wait ends once all is written (--watch does not wait either)

The token may also come from TRIBUTARY_TOKEN.`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      name: { type: 'string' },
      collection: { type: 'string' },
      prune: { type: 'boolean', default: false },
      watch: { type: 'boolean', default: false },
      adopt: { type: 'boolean', default: false },
      wait: { type: 'string' },
      'no-wait': { type: 'boolean', default: false },
      url: { type: 'string' },
      token: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [path] = positionals;
  if (values.help === true || path === undefined || positionals.length !== 1) {
    return tellUsage(USAGE, values.help);
  }
  if (values.wait !== undefined && (values['no-wait'] || values.watch || !/^\d{1,6}$/.test(values.wait)))
    throw new Error(`--wait takes whole seconds, and stands beside neither --no-wait nor --watch.\n\n${USAGE}`);
  const documents = documentsOverHttp(serverAddress(values));
  const stop = new AbortController();
  let files = 0;
  let progress = showProgress('Ingesting', 0);
  const ingestion = new FolderIngestion(documents, {
    ...(values.collection !== undefined && { collection: values.collection }),
    prune: values.prune,
    adopt: values.adopt,
    signal: stop.signal,
    onProgress: (done) => progress.update(Math.min(done, files)),
  });
  const pass = async (folder: Folder): Promise<FolderReport> => {
    files = folder.files.length;
    progress = showProgress('Ingesting files', files);
    try {
      return await ingestion.pass(folder);
    } finally {
      progress.end();
    }
  };
  const folder = await lookThrough(path, values.name);
  if (!values.watch) {
    const report = await pass(folder);
    tell(report);
    const seconds = values.wait === undefined ? INGEST.waitSeconds : Number(values.wait);
    const isWhole = values['no-wait'] || (await waited(documents, report, seconds));
    return isWhole && report.skipped.every(({ meant }) => meant) ? 0 : 1;
  }
  endBySignal(stop);
  let passes = 0;
  await watchFolder({
    look: () => lookThrough(path, values.name),
    pass: async (now) => {
      const report = await pass(now);
      if (passes++ === 0 || didSomething(report)) tell(report, new Date());
      if (passes === 1) console.log(`Watching ${folder.root}; Ctrl-C ends it.`);
    },
    onFault: (fault) => {
      if (passes === 0) throw fault; // Not even the first time.
      console.error(`${fault.message} Trying again.`);
    },
    signal: stop.signal,
  });
  return 0;
}

function tell(report: FolderReport, at?: Date): void {
  for (const line of detailsOf(report)) console.error(line);
  console.log(`${at === undefined ? '' : `${at.toTimeString().slice(0, 'hh:mm:ss'.length)} `}${countsOf(report)}`);
}

/** Waits until the other stores have what was written, and says what they have not. @returns whether they have all that they take */
async function waited(documents: Documents, { recorded }: FolderReport, seconds: number): Promise<boolean> {
  if (recorded.length === 0) return true;
  const progress = showProgress('Indexing documents', recorded.length);
  let late: readonly Late[];
  try {
    late = await untilIndexed(documents, recorded, { seconds, onProgress: (done) => progress.update(done) });
  } finally {
    progress.end();
  }
  for (const line of toldLate(late)) console.error(onOneLine(line));
  if (late.length === 0) console.log('All of them are found by searches.');
  return late.every(({ state }) => state === 'DISABLED');
}

/** npm passes on the signal that the terminal sends to all: the same comes twice. A later one ends it at once. */
function endBySignal(stop: AbortController): void {
  let signalledAt: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (signalledAt !== undefined && performance.now() - signalledAt > SERVE.sameSignalMs) process.exit(130);
      signalledAt ??= performance.now();
      stop.abort(new Error('Stopped.'));
    });
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
