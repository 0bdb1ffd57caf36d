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
  const iterator = documents[Symbol.asyncIterator]();
  let fatal: FatalIngestError | undefined;
  const worker = async (): Promise<void> => {
    while (fatal === undefined && options.signal?.aborted !== true) {
      const { value: document, done } = await iterator.next();
      if (done === true) return;
      if ('skipped' in document) {
        report.skipped.push(document);
      } else {
        try {
          await options.upsert(document);
          report.written++;
        } catch (error) {
          if (error instanceof FatalIngestError) fatal ??= error;
          else report.skipped.push({ skipped: document.source, reason: (error as Error).message });
        }
      }
      options.onProgress?.(report);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency ?? INGEST.concurrency }, worker));
  await iterator.return?.(undefined);
  if (fatal !== undefined) throw fatal;
  return report;
}

/** Going on is pointless: the server is away, or the caller may not write. */
export class FatalIngestError extends Error {
  override readonly name = 'FatalIngestError';
}
