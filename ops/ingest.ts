/**
 * `npm run ingest -- <folder>`: sends a folder of Markdown and text to a running server through the public mutation
 * `upsertDocument`. Running it again completes an interrupted run; documents that have not changed are left as they
 * are.
 *
 * Exit codes: 0 all recorded, 1 some skipped (each is named), 2 nothing could be done.
 */
import { parseArgs } from 'node:util';
import { UPSERT_DOCUMENT, type DocumentInput } from './ingest/document-input.ts';
import { folderDocuments } from './ingest/folder.ts';
import { showProgress } from './bootstrap/progress.mjs';
import { FatalIngestError, ingest } from './ingest/run.ts';
import { INGEST } from './ingest/bounds.ts';

const USAGE = `Usage: npm run ingest -- <folder> [--url http://127.0.0.1:4000/graphql] [--token <access token>]

The token may also come from TRIBUTARY_TOKEN.`;

// Worth another try: the store or another writer was in the way, the document was not.
const TRANSIENT = new Set(['STORE_UNAVAILABLE', 'STORE_TIMEOUT', 'CONFLICT', 'RATE_LIMITED', 'SUBGRAPH_UNAVAILABLE']);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { url: { type: 'string' }, token: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  const [folder] = positionals;
  if (values.help === true || folder === undefined || positionals.length !== 1) {
    console.error(USAGE);
    return values.help === true ? 0 : 2;
  }
  const url = values.url ?? `http://127.0.0.1:${process.env.PORT ?? '4000'}/graphql`;
  const token = values.token ?? process.env.TRIBUTARY_TOKEN;
  const progress = showProgress('Ingesting', 0);
  const report = await ingest(folderDocuments(folder), {
    upsert: (document) => upsertOverHttp(url, token, document),
    onProgress: ({ written }) => progress.update(written),
  });
  progress.end();
  for (const { skipped, reason } of report.skipped) console.error(`Skipped ${skipped}: ${reason}.`);
  console.log(
    `Recorded ${report.written} documents${report.skipped.length === 0 ? '' : `, skipped ${report.skipped.length}`}.`,
  );
  return report.skipped.length === 0 ? 0 : 1;
}

async function upsertOverHttp(url: string, token: string | undefined, input: DocumentInput): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const failure = await tryUpsert(url, token, input);
    if (failure === undefined) return;
    if (!failure.transient || attempt === INGEST.attempts) throw new Error(failure.message);
    await new Promise((resolve) => setTimeout(resolve, INGEST.pauseMs * 2 ** (attempt - 1) * (0.5 + Math.random())));
  }
}

async function tryUpsert(
  url: string,
  token: string | undefined,
  input: DocumentInput,
): Promise<{ message: string; transient: boolean } | undefined> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query: UPSERT_DOCUMENT, variables: { input } }),
      signal: AbortSignal.timeout(INGEST.requestMs),
    });
  } catch (cause) {
    throw new FatalIngestError(`No server answers at ${url}. Start one with "npm start", or name another with --url.`, {
      cause,
    });
  }
  if (response.status === 401 || response.status === 403) {
    throw new FatalIngestError(
      `The server refused the caller (HTTP ${response.status}): pass an access token with --token.`,
    );
  }
  const answer = (await response.json().catch((cause: unknown) => {
    throw new FatalIngestError(`What answers at ${url} is not this API (HTTP ${response.status}).`, { cause });
  })) as { data?: { upsertDocument?: unknown } | null; errors?: { message: string; extensions?: { code?: string } }[] };
  if (answer.errors === undefined && answer.data?.upsertDocument != null) return undefined;
  const [error] = answer.errors ?? [];
  return {
    message: error?.message ?? 'the server recorded nothing',
    transient: TRANSIENT.has(error?.extensions?.code ?? ''),
  };
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
