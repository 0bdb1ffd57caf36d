/**
 * First start: ingests the packages that this project has installed, so that the first query has real answers. The
 * direct dependencies come before the server is ready; the rest goes on behind.
 */
import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DocumentInput, Skipped } from './document-input.ts';
import { installedPackages, packageDocuments } from './packages.ts';
import { ingest, type IngestReport } from './run.ts';

export interface FirstRunOptions {
  /** The project's folder: its lock file says what is installed. */
  root: string;
  /** Where the note is kept that the corpus is complete. */
  dataDir: string;
  /** Identifies the database, so that another one is filled too. */
  database: string;
  /** Records one document through the public mutation. */
  upsert: (document: DocumentInput) => Promise<void>;
  /** Resolves once what was recorded is in every store that can take it. */
  indexed: (signal: AbortSignal) => Promise<void>;
  /** Ends the ingestion between two documents. */
  signal: AbortSignal;
  onProgress?: (progress: FirstRunProgress) => void;
  onSkipped?: (skipped: Skipped) => void;
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
const CORPUS_VERSION = 2;

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

  const work = prepare(options).then(async ({ fingerprint, complete }) => {
    if (complete) {
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
        await markComplete(options.dataDir, fingerprint);
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

async function prepare(options: FirstRunOptions): Promise<{ fingerprint: string; complete: boolean }> {
  const lock = await readFile(join(options.root, 'package-lock.json'));
  const fingerprint = createHash('sha256')
    .update(`${CORPUS_VERSION}\0${options.database}\0`)
    .update(lock)
    .digest('hex');
  const noted = await readFile(notePath(options.dataDir), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return { fingerprint, complete: noted.trim() === fingerprint };
}

async function markComplete(dataDir: string, fingerprint: string): Promise<void> {
  await writeFile(`${notePath(dataDir)}.new`, `${fingerprint}\n`);
  await rename(`${notePath(dataDir)}.new`, notePath(dataDir));
}

const notePath = (dataDir: string): string => join(dataDir, 'corpus-complete');
