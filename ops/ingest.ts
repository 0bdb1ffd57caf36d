/**
 * `npm run ingest -- <folder>`: sends a folder of documents to a running server through the public mutation
 * `upsertDocument`. Running it again completes an interrupted run; documents that have not changed are left as they
 * are.
 *
 * Exit codes: 0 all recorded, 1 some could not be (each is named), 2 nothing could be done.
 */
import { parseArgs } from 'node:util';
import { showProgress } from './bootstrap/progress.mjs';
import { FolderIngestion, type FolderReport } from './ingest/folder-ingestion.ts';
import { lookThrough, type Folder } from './ingest/folder.ts';
import { documentsOverHttp, serverAddress } from './ingest/over-http.ts';
import { countsOf, detailsOf, didSomething } from './ingest/tell.ts';
import { watchFolder } from './ingest/watch.ts';
import { SERVE } from './serve/bounds.ts';
import { tellUsage } from './serve/explain.ts';

const USAGE = `Usage: npm run ingest -- <folder> [--name <name>] [--collection <name>] [--prune] [--watch] [--adopt]
                                 [--url http://127.0.0.1:4000/graphql] [--token <access token or API key>]

  --name    what the sources of its documents begin with; the folder's own name when absent
  --collection  the collection that they are in; where they are already when absent, "default" at first
  --prune   removes documents whose files are gone; without it they are listed
  --watch   goes on, and ingests what changes, until Ctrl-C
  --adopt   takes documents of this name that were ingested from another place for this folder's

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
      url: { type: 'string' },
      token: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [path] = positionals;
  if (values.help === true || path === undefined || positionals.length !== 1) {
    return tellUsage(USAGE, values.help);
  }
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
    return report.skipped.some(({ meant }) => !meant) ? 1 : 0;
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
