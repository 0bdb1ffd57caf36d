/** What a run's log has begun and not ended, as its row says; of a run of before it did, as its log says. */
import type { Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import { EventOrder, NOTHING_OPEN, type OpenParts, type OrderedEvent } from '../../events/order.ts';
import { ORDERED_TYPES } from '../../events/parts.ts';

/** The payload's keys that the order of events depends on; what is said is not read. */
const KEYS = ['messageId', 'toolCallId', 'stepName', 'subagentRunId', 'parentSubagentRunId', 'parentMessageId'];

/**
 * @param locked the run's row, held locked
 * @param given what is going to be appended: the first that names a subagent needs to know whose everything before is
 */
export async function openPartsOf(
  tx: Transaction,
  runId: string,
  locked: { last_sequence: number; open_parts: OpenParts | null },
  given: readonly OrderedEvent[],
): Promise<OpenParts> {
  const tagged = given.some(({ payload }) => payload['subagentRunId'] !== undefined);
  if (locked.open_parts && (!tagged || locked.open_parts.owners)) return locked.open_parts;
  if (locked.last_sequence === 0) return NOTHING_OPEN;
  const log = await tx.query<OrderedEvent>({
    sql: `SELECT type, json_build_object(${KEYS.map((key) => `'${key}', payload->'${key}'`).join(', ')}) AS payload
            FROM runs.run_events WHERE run_id = $1 AND type = ANY ($2) ORDER BY sequence`,
    parameters: [runId, ORDERED_TYPES],
  });
  return EventOrder.of(log, tagged);
}
