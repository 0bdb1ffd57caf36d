import { bounds } from '#subgraphs/shared/bound.ts';
import { RELATIONAL } from '#subgraphs/relational/bounds.ts';

/** Bounds of reading folders and packages, and of writing their documents. */
export const INGEST = bounds('ops/ingest', 'server', {
  fileBytes: {
    what: 'The longest README or licence of a package that is read; longer ones are passed over. `upsertDocument` takes no more.',
    unit: 'bytes',
    default: RELATIONAL.textBytes,
  },
  nameCharacters: { what: "The longest name of a folder's documents (`--name`).", unit: 'characters', default: 100 },
  listed: { what: 'How many stored documents are asked for at once.', unit: 'documents', default: 100 },
  namesTold: {
    what: 'How many files, or documents, are named for one reason; the rest is counted.',
    unit: 'names',
    default: 20,
  },
  watchMs: {
    what: 'How often `--watch` looks through the folder; less often where looking takes long (`watchShare`).',
    unit: 'ms',
    default: 1_000,
  },
  watchShare: {
    what: 'How many times as long as it took to look through the folder `--watch` waits before it looks again.',
    unit: 'times',
    default: 20,
  },
  quietMs: {
    what: 'How long a folder in which something has changed must stay as it is before `--watch` reads it.',
    unit: 'ms',
    default: 300,
  },
  restlessMs: { what: 'The longest that `--watch` waits for that.', unit: 'ms', default: 5_000 },
  links: {
    what: 'The most links of a file, and dependencies of a package, that become relations.',
    unit: 'links',
    default: 400,
  },
  descriptionCharacters: {
    what: 'The longest description of a package that is kept.',
    unit: 'characters',
    default: 2_000,
  },
  licenseCharacters: { what: 'The longest name of a licence that is kept.', unit: 'characters', default: 200 },
  keywordCharacters: { what: 'The longest keyword that is kept.', unit: 'characters', default: 100 },
  keywords: { what: 'The most keywords of a package that are kept.', unit: 'keywords', default: 50 },
  concurrency: { what: 'How many documents are written at once.', unit: 'documents', default: 4 },
  requestMs: { what: 'The longest time for one document of `npm run ingest`.', unit: 'ms', default: 60_000 },
  waitSeconds: {
    what: 'How long `npm run ingest` waits, after the last document is written, until every store has them, unless `--wait` says.',
    unit: 's',
    default: 300,
  },
  indexedMs: { what: 'How often it asks then, where none has come further.', unit: 'ms', default: 500 },
  attempts: {
    what: 'How often one is tried where a store or another writer is in the way.',
    unit: 'attempts',
    default: 4,
  },
  pauseMs: {
    what: 'The pause before the second attempt, half of it to half as much again by chance; each further one is twice as long.',
    unit: 'ms',
    default: 500,
  },
});
