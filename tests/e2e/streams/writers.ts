/**
 * Writers: append what they have to, in batches under idempotency keys, again and again until they are told that it is
 * there.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ask, reasonOf, Refused, type ReaderContext } from './readers.ts';

const START =
  'mutation($key: String!, $input: JSON) { startRun(input: { idempotencyKey: $key, input: $input }) { run { id } } }';
const APPEND = 'mutation($input: AppendRunEventsInput!) { appendRunEvents(input: $input) { events { sequence } } }';
const FINISH = 'mutation($input: FinishRunInput!) { finishRun(input: $input) { run { status } } }';

export interface WriterReport {
  appends: number;
  /** Appends that had to be sent again. */
  retries: number;
  reasons: Map<string, number>;
}

export interface WriterContext extends ReaderContext {
  /** Resolves when so many events more may be appended. */
  admitted(events: number): Promise<void>;
}

export const startRun = async (context: WriterContext, report: WriterReport, number: number): Promise<string> => {
  const { startRun: started } = await again(context, report, START, { key: `streams-${number}`, input: { number } });
  return (started as { run: { id: string } }).run.id;
};

/** What a run that leaves a message open is given first. Ending it is the server's. */
const OPENING = { type: 'TEXT_MESSAGE_START', payload: { messageId: 'open', role: 'assistant' } };

/**
 * Writes `events` events into each run, marked 1, 2, 3 …, taking the runs in turn so that all grow at once, and ends
 * each. Half of the runs end by `finishRun`, half by an appended RUN_FINISHED.
 * @param open runs in which a message is begun before the first event, and never ended by the writer
 */
export async function write(
  runIds: readonly string[],
  events: number,
  batch: number,
  context: WriterContext,
  report: WriterReport,
  open: ReadonlySet<string>,
): Promise<void> {
  const writing = runIds.map((runId, index) => ({ runId, marked: 0, byMutation: index % 2 === 0 }));
  while (writing.length > 0) {
    const run = writing[Math.floor(Math.random() * writing.length)]!;
    const size = Math.min(1 + Math.floor(Math.random() * (2 * batch - 1)), events - run.marked);
    await context.admitted(size);
    const given: { type: string; payload?: unknown }[] = Array.from({ length: size }, (_, index) => ({
      type: 'CUSTOM',
      payload: { name: 'mark', value: run.marked + 1 + index },
    }));
    const opens = open.has(run.runId);
    if (opens && run.marked === 0) given.unshift(OPENING);
    const ends = run.marked + size === events;
    if (ends && !run.byMutation) given.push({ type: 'RUN_FINISHED' });
    // Where the log must stand, and the key: RUN_STARTED comes first.
    const place = {
      expectedSequence: run.marked === 0 ? 0 : run.marked + (opens ? 2 : 1),
      idempotencyKey: `from-${run.marked}`,
    };
    await again(context, report, APPEND, { input: { runId: run.runId, events: given, ...place } });
    report.appends += 1;
    run.marked += size;
    if (!ends) continue;
    if (run.byMutation) await finish(context, report, run.runId);
    writing.splice(writing.indexOf(run), 1);
  }
}

/** `finishRun` has no key: told that the run has ended, whoever sent it before knows by whom. */
async function finish(context: WriterContext, report: WriterReport, runId: string): Promise<void> {
  try {
    await again(context, report, FINISH, { input: { runId } });
  } catch (error) {
    if (!(error instanceof Refused) || error.extensions['status'] !== 'SUCCEEDED') throw error;
  }
}

/** Refusals that say something of the request, and would be the same the next time. */
const FINAL = ['BAD_USER_INPUT', 'CONFLICT', 'NOT_FOUND', 'FORBIDDEN', 'GRAPHQL_VALIDATION_FAILED'];

async function again(
  context: WriterContext,
  report: WriterReport,
  query: string,
  variables: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  for (let failures = 0; ; failures++) {
    try {
      return await ask(context.url(), query, variables, context.signal);
    } catch (error) {
      if (context.signal.aborted || (error instanceof Refused && FINAL.includes(error.code))) throw error;
      report.retries += 1;
      const reason = reasonOf(error);
      report.reasons.set(reason, (report.reasons.get(reason) ?? 0) + 1);
      await delay(Math.min(100 * 2 ** failures, 2_000) * (0.5 + Math.random()), undefined, { signal: context.signal });
    }
  }
}
