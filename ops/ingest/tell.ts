/** What a pass over a folder did, for the person who asked for it. */
import { onOneLine } from '#gateway/telemetry/one-line.ts';
import { INGEST } from './bounds.ts';
import type { Skipped } from './document-input.ts';
import type { FolderReport } from './folder-ingestion.ts';

/** Whether a pass did anything that is worth a line. */
export const didSomething = ({ added, changed, removed, gone, skipped, unpruned }: FolderReport): boolean =>
  added + changed + removed + gone.length > 0 || unpruned !== undefined || skipped.some(({ meant }) => !meant);

/** The counts, in one line. */
export function countsOf(report: FolderReport): string {
  const { added, changed, unchanged, removed } = report;
  const failed = report.skipped.filter(({ meant }) => !meant).length;
  const total = added + changed + unchanged;
  return [
    `${total} ${total === 1 ? 'document' : 'documents'}: ${added} new, ${changed} changed, ${unchanged} unchanged`,
    `, ${removed} removed`,
    failed === 0 ? '' : `, ${failed} ${failed === 1 ? 'file' : 'files'} could not be ingested`,
    '.',
  ].join('');
}

/** Everything that has to be said beside the counts, a line each. */
export function detailsOf(report: FolderReport): string[] {
  const failed = report.skipped.filter(({ meant }) => !meant);
  const { converted, truncated, unread, missing, gone, unclaimed, unpruned } = report;
  return [
    ...failed.map(({ skipped, reason }) => `Could not ingest ${nameOf(skipped)}: ${nameOf(reason)}.`),
    ...byReason(
      converted.map(({ path, encoding }) => ({ skipped: path, reason: ENCODINGS[encoding] ?? encoding })),
      'Converted from',
    ),
    ...byReason(
      truncated.map((path) => ({ skipped: path, reason: 'for it has more text than a document may' })),
      'Read in part,',
    ),
    ...byReason(
      unread.map(({ path, problem }) => ({ skipped: path, reason: problem })),
      'Front matter not read:',
    ),
    ...(missing.length === 0
      ? []
      : [
          `Links to pages that are not in the folder: ${namesOf(missing.map(({ path, target }) => `${path} → ${target}`))}`,
        ]),
    ...byReason(
      report.skipped.filter(({ meant }) => meant),
      'Passed over:',
    ),
    ...(unpruned === undefined ? [] : [`Nothing is removed, because ${unpruned}.`]),
    ...(gone.length === 0
      ? []
      : [
          `Gone from the folder and still stored${unpruned === undefined ? ' (--prune removes them)' : ''}: ${namesOf(gone)}`,
        ]),
    ...(unclaimed.length === 0
      ? []
      : [
          `Not in this folder, and ingested before it was kept from which (--adopt takes them for this folder's): ${namesOf(unclaimed)}`,
        ]),
  ];
}

/** What people call some encodings; others go by their names. */
const ENCODINGS: Readonly<Record<string, string>> = {
  'utf-16le': 'UTF-16 (little endian)',
  'utf-16be': 'UTF-16 (big endian)',
  'windows-1252': 'Windows-1252 (Latin-1)',
};

function byReason(skipped: readonly Skipped[], begin: string): string[] {
  const reasons = new Map<string, string[]>();
  for (const { skipped: name, reason } of skipped) reasons.set(reason, [...(reasons.get(reason) ?? []), name]);
  return [...reasons].map(
    ([reason, names]) =>
      `${begin} ${nameOf(reason)}${names.length === 1 ? '' : `, ${names.length} times`}: ${namesOf(names)}`,
  );
}

function namesOf(names: readonly string[]): string {
  const more = names.length - INGEST.namesTold;
  return `${names.slice(0, INGEST.namesTold).map(nameOf).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Names of files may hold what terminals obey. */
const nameOf = onOneLine;
