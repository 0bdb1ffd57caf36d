/** What readers were given against what the table holds, and the table against what was written. */
import type { Reader, Seen } from './readers.ts';
import { query } from './topology.ts';

export interface Comparison {
  /** Events in the table. */
  stored: number;
  /** Events that readers were given. */
  delivered: number;
  /** Events that a reader should have been given and was not. */
  lost: number;
  /** Events that a reader was given again. */
  duplicated: number;
  /** Events that came before one of a smaller sequence of the same run. */
  outOfOrder: number;
  /** Events that a reader was given and that the table does not hold so. */
  invented: number;
  /**
   * Runs whose log in the table is not exactly RUN_STARTED, the marks 1 … n in order, one terminal event, without a
   * hole; in those that leave a message open, its beginning before the marks and its end after them.
   */
  wrongLogs: number;
  /** Readers of a run that were given other than one terminal event. */
  wrongEndings: number;
  /** The first few faults, for a person. */
  examples: string[];
}

/** What is counted where nothing went wrong. */
export const NO_FAULTS = { lost: 0, duplicated: 0, outOfOrder: 0, invented: 0, wrongLogs: 0, wrongEndings: 0 } as const;

const TERMINAL = ['RUN_FINISHED', 'RUN_ERROR'];
const asText = ({ type, mark }: Pick<Seen, 'type' | 'mark'>): string => `${type} ${mark ?? ''}`;

/** Every event in the table. */
export async function readTable(databaseUrl: string): Promise<Seen[]> {
  const { rows } = await query(
    databaseUrl,
    `SELECT run_id, sequence, type, payload->'value' AS mark FROM runs.run_events ORDER BY run_id, sequence`,
  );
  return (rows as { run_id: string; sequence: number; type: string; mark: number | null }[]).map(
    ({ run_id: runId, sequence, type, mark }) => ({ runId, sequence, type, mark: mark ?? undefined }),
  );
}

/**
 * @param held what the table holds
 * @param events the marked events of each run
 * @param open runs in which a message was begun and left open
 */
export function compare(
  held: readonly Seen[],
  runIds: readonly string[],
  events: number,
  readers: readonly Pick<Reader, 'way' | 'runId' | 'log'>[],
  open: ReadonlySet<string> = new Set(),
): Comparison {
  const table = new Map(runIds.map((runId) => [runId, new Map<number, string>()]));
  const report: Comparison = {
    stored: 0,
    delivered: 0,
    ...NO_FAULTS,
    examples: [],
  };
  const note = (text: string): void => void (report.examples.length < 20 && report.examples.push(text));
  for (const { runId, sequence, type, mark } of held) {
    table.get(runId)?.set(sequence, asText({ type, mark }));
    report.stored += 1;
  }

  const marks = Array.from({ length: events }, (_, index) => `CUSTOM ${index + 1}`);
  for (const [runId, log] of table) {
    const written = open.has(runId) ? ['TEXT_MESSAGE_START ', ...marks, 'TEXT_MESSAGE_END '] : marks;
    const whole = ['RUN_STARTED ', ...written, 'RUN_FINISHED '];
    const right = log.size === whole.length && whole.every((text, index) => log.get(index + 1) === text);
    if (right) continue;
    report.wrongLogs += 1;
    note(`${runId}: the table holds ${log.size} events, not the ${whole.length} written`);
  }

  for (const reader of readers) {
    report.delivered += reader.log.length;
    const byRun = new Map<string, Seen[]>(
      reader.runId === undefined ? runIds.map((runId) => [runId, []]) : [[reader.runId, []]],
    );
    for (const seen of reader.log) {
      const log = byRun.get(seen.runId);
      if (log === undefined) report.invented += 1;
      else log.push(seen);
    }
    for (const [runId, log] of byRun) {
      const stored = table.get(runId)!;
      const distinct = new Set(log.map(({ sequence }) => sequence));
      const lost = [...stored.keys()].filter((sequence) => !distinct.has(sequence));
      report.lost += lost.length;
      report.duplicated += log.length - distinct.size;
      report.outOfOrder += log.filter(({ sequence }, index) => index > 0 && sequence < log[index - 1]!.sequence).length;
      report.invented += log.filter((seen) => stored.get(seen.sequence) !== asText(seen)).length;
      const endings = log.filter(({ type }) => TERMINAL.includes(type)).length;
      if (endings !== 1) report.wrongEndings += 1;
      if (lost.length > 0 || log.length !== distinct.size || endings !== 1)
        note(
          `${reader.way}, ${runId}: ${lost.length} lost (${lost.slice(0, 3).join(', ')}), ${log.length - distinct.size} twice, ${endings} endings`,
        );
    }
  }
  return report;
}
