/**
 * First start: ingests the packages that this project has installed, so that the first query has real answers. The
 * direct dependencies come before the server is ready; the rest goes on behind. Where somebody has begun without them, or
 * has removed them, they are not brought back.
 */
import { createHash } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DocumentInput, Skipped } from './document-input.ts';
import { DEMO_COLLECTION, installedPackages, packageDocuments } from './packages.ts';
import { ingest, type IngestReport } from './run.ts';

export interface FirstRunOptions {
  /** The project's folder: its lock file says what is installed. */
  root: string;
  /** Where the note is kept that the corpus is complete. */
  dataDir: string;
  /** Identifies the database, so that another one is filled too. */
  database: string;
  /** How many documents there are, in one collection or in all. */
  count: (collection?: string) => Promise<number>;
  /** Records one document through the public mutation. */
  upsert: (document: DocumentInput) => Promise<void>;
  /** Resolves once what was recorded is in every store that can take it. */
  indexed: (signal: AbortSignal) => Promise<void>;
  /** Ends the ingestion between two documents. */
  signal: AbortSignal;
  onProgress?: (progress: FirstRunProgress) => void;
  onSkipped?: (skipped: Skipped) => void;
  /** Called where there are documents already, of which none is of the demo: it is left out. */
  onLeftOut?: () => void;
}

/** How far the ingestion is; shown by `GET /health/ready`. */
export interface FirstRunProgress {
  state: 'running' | 'complete' | 'failed';
  /** Documents handled so far. */
  documents: number;
  /** Packages whose documents are read, in all. */
  packages: number;
  /** Those of them that come first, and that the first start waits for. */
  directPackages: number;
  packagesDone: number;
}

export interface FirstRun {
  /** Resolves when the direct dependencies can be searched; rejects when they could not be ingested. */
  readonly direct: Promise<void>;
  /**
   * Resolves when everything was recorded and indexed, failed (see {@link progress}) or was stopped; true when there
   * was work.
   */
  readonly all: Promise<boolean>;
  progress(): FirstRunProgress;
}

/** Changes when the same packages would give other documents. */
const CORPUS_VERSION = 3;

export function startFirstRun(options: FirstRunOptions): FirstRun {
  const progress: FirstRunProgress = {
    state: 'running',
    documents: 0,
    packages: 0,
    directPackages: 0,
    packagesDone: 0,
  };
  const report = (change: Partial<FirstRunProgress>): void => {
    Object.assign(progress, change);
    options.onProgress?.({ ...progress });
  };

  const work = prepare(options).then(async ({ note, wanted }) => {
    if (!wanted) {
      report({ state: 'complete' });
      return { rest: async () => false };
    }
    const packages = await installedPackages(options.root);
    const direct = packages.filter((one) => one.direct);
    report({ packages: packages.length, directPackages: direct.length });
    await ingestPart(direct, options, report, progress);
    await options.indexed(options.signal);
    return {
      rest: async () => {
        await ingestPart(
          packages.filter((one) => !one.direct),
          options,
          report,
          progress,
        );
        await options.indexed(options.signal);
        if (options.signal.aborted) return false;
        await markComplete(options.dataDir, note);
        report({ state: 'complete' });
        return true;
      },
    };
  });

  const direct = work.then(() => undefined);
  const all = work
    .then(({ rest }) => rest())
    .catch((error: unknown) => {
      if (options.signal.aborted) return false;
      report({ state: 'failed' });
      options.onSkipped?.({ skipped: 'the installed packages', reason: (error as Error).message });
      return false;
    });
  return { direct, all, progress: () => ({ ...progress }) };
}

async function ingestPart(
  packages: Awaited<ReturnType<typeof installedPackages>>,
  options: FirstRunOptions,
  report: (change: Partial<FirstRunProgress>) => void,
  before: Readonly<FirstRunProgress>,
): Promise<void> {
  const { documents: documentsBefore, packagesDone: packagesBefore } = before;
  let started = 0;
  async function* counted() {
    for (const one of packages) {
      yield* packageDocuments([one]);
      started++;
    }
  }
  const onProgress = ({ written, skipped }: IngestReport): void =>
    report({ documents: documentsBefore + written + skipped.length, packagesDone: packagesBefore + started });
  const { skipped } = await ingest(counted(), { upsert: options.upsert, onProgress, signal: options.signal });
  options.signal.throwIfAborted();
  for (const one of skipped) options.onSkipped?.(one);
  report({ packagesDone: packagesBefore + packages.length });
}

/** What is kept of a demo that is complete: of which database, and of which packages. */
interface Note {
  readonly database: string;
  readonly packages: string;
}

async function prepare(options: FirstRunOptions): Promise<{ note: Note; wanted: boolean }> {
  const lock = await readFile(join(options.root, 'package-lock.json'));
  const note: Note = {
    database: createHash('sha256').update(options.database).digest('hex'),
    packages: createHash('sha256').update(`${CORPUS_VERSION}\0`).update(lock).digest('hex'),
  };
  return { note, wanted: await isWanted(options, note) };
}

async function isWanted(
  { dataDir, count, onLeftOut }: FirstRunOptions,
  { database, packages }: Note,
): Promise<boolean> {
  const [ofDatabase, ofPackages] = (await readIfThere(notePath(dataDir))).split('\n');
  if (ofDatabase === database) return ofPackages !== packages && (await count(DEMO_COLLECTION)) > 0;
  // An older version had the demo among all others: writing it again moves it.
  if ((await readIfThere(olderNotePath(dataDir))) !== '' || (await count(DEMO_COLLECTION)) > 0) return true;
  if ((await count()) === 0) return true;
  onLeftOut?.();
  return false;
}

const readIfThere = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });

async function markComplete(dataDir: string, { database, packages }: Note): Promise<void> {
  await writeFile(`${notePath(dataDir)}.new`, `${database}\n${packages}\n`);
  await rename(`${notePath(dataDir)}.new`, notePath(dataDir));
  await rm(olderNotePath(dataDir), { force: true });
}

const notePath = (dataDir: string): string => join(dataDir, 'demo-complete');
const olderNotePath = (dataDir: string): string => join(dataDir, 'corpus-complete');
