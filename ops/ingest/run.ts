/** Sends documents to `upsertDocument`, several at a time, and keeps count. */
import type { DocumentInput, Skipped } from './document-input.ts';
import { INGEST } from './bounds.ts';

export interface IngestReport {
  /** Documents that were recorded (or were there already, unchanged). */
  written: number;
  /** What could not be read, or was refused. */
  skipped: Skipped[];
}

export interface IngestOptions {
  /** Records one document; rejects when it was not recorded. */
  upsert: (document: DocumentInput) => Promise<void>;
  /** Documents under way at once. @default 4 */
  concurrency?: number;
  /** Called after each document. */
  onProgress?: (report: IngestReport) => void;
  /** Stops between documents; what was recorded stays, and running again completes the rest. */
  signal?: AbortSignal;
}

/**
 * Ingests every document. A document that is refused is reported among `skipped` and the rest goes on.
 * @throws the error of `fatal` kind that `upsert` raised: see {@link FatalIngestError}
 */
export async function ingest(
  documents: AsyncIterable<DocumentInput | Skipped>,
  options: IngestOptions,
): Promise<IngestReport> {
  const report: IngestReport = { written: 0, skipped: [] };
  await eachOf(
    documents,
    async (document) => {
      if ('skipped' in document) {
        report.skipped.push(document);
      } else {
        try {
          await options.upsert(document);
          report.written++;
        } catch (error) {
          if (error instanceof FatalIngestError) throw error;
          report.skipped.push({ skipped: document.source, reason: (error as Error).message });
        }
      }
      options.onProgress?.(report);
    },
    options,
  );
  return report;
}

/**
 * Does something to every item, several at a time.
 * @throws the first error of `work`, once those that were begun have ended; no others are begun
 */
export async function eachOf<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  work: (item: Item) => Promise<void>,
  { concurrency = INGEST.concurrency, signal }: Pick<IngestOptions, 'concurrency' | 'signal'> = {},
): Promise<void> {
  async function* all(): AsyncGenerator<Item> {
    yield* items;
  }
  const iterator = all();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    while (failures.length === 0 && signal?.aborted !== true) {
      const { value, done } = await iterator.next();
      if (done === true) return;
      await work(value);
    }
  };
  const failing = (): Promise<void> => worker().catch((error: unknown) => void failures.push(error));
  await Promise.all(Array.from({ length: concurrency }, failing));
  await iterator.return(undefined);
  if (failures.length > 0) throw failures[0];
}

/** Going on is pointless: the server is away, or the caller may not write. */
export class FatalIngestError extends Error {
  override readonly name = 'FatalIngestError';
}
