/** Summaries of sessions, and what of a session is told beside one. */
import { sql } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, conflict } from '#subgraphs/shared/errors.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { MessageRow, NewestMessages, SessionRow, SessionSummaryRow } from '../../driver.ts';
import { audit } from './audit.ts';
import { heldSession } from './sessions.ts';
import { rowsOf, selection, statement } from './sql.ts';

const COLUMNS = sql`session_id AS "sessionId", through_sequence AS "throughSequence", text, tokens, model, run_id AS "runId", created_at AS "createdAt"`;

export async function summarizeSession(
  postgres: Postgres,
  context: RequestContext,
  { sessionId, throughSequence, text, tokens, model, runId }: Omit<SessionSummaryRow, 'createdAt'>,
): Promise<{ session: SessionRow; summary: SessionSummaryRow }> {
  return await postgres.transaction(context, async (tx) => {
    // Of two that sum up at once the second sees what the first has written.
    const session = await heldSession(tx, sessionId);
    if (throughSequence > session.messageCount)
      throw badUserInput(`The session has no message ${throughSequence}; its last is ${session.messageCount}.`);
    const [summary] = await tx.query(
      statement(sql<SessionSummaryRow>`
        INSERT INTO relational.session_summaries (session_id, user_id, through_sequence, text, tokens, model, run_id)
        VALUES (${sessionId}, ${session.userId}, ${throughSequence}, ${text}, ${tokens}, ${model}, ${runId})
        ON CONFLICT (tenant_id, session_id) DO UPDATE
        SET through_sequence = excluded.through_sequence, text = excluded.text, tokens = excluded.tokens, model = excluded.model,
            run_id = excluded.run_id, created_at = excluded.created_at
        WHERE session_summaries.through_sequence <= excluded.through_sequence
        RETURNING ${COLUMNS}`),
    );
    if (summary === undefined)
      throw conflict(`The session has a summary that goes further than message ${throughSequence}.`, {
        hint: 'Read it, and sum up through its `throughSequence` or a later message.',
      });
    await audit(tx, context, [
      {
        action: 'session.summarize',
        subjectType: 'Session',
        subjectId: sessionId,
        details: { through: throughSequence, ...(model === null ? {} : { model }) },
      },
    ]);
    return { session, summary };
  });
}

export const sessionSummaries = (
  postgres: Postgres,
  context: RequestContext,
  ids: readonly string[],
): Promise<SessionSummaryRow[]> =>
  postgres.read(
    context,
    statement(
      sql<SessionSummaryRow>`SELECT ${COLUMNS} FROM relational.session_summaries WHERE session_id = ANY(${ids}::text[])`,
    ),
    { replica: true },
  );

export const newestMessages = (
  postgres: Postgres,
  context: RequestContext,
  of: readonly NewestMessages[],
  most: number,
): Promise<MessageRow[]> => {
  const column = <K extends keyof NewestMessages>(name: K): NewestMessages[K][] => of.map((each) => each[name]);
  return postgres.read(
    context,
    rowsOf(
      'Message',
      sql`
        SELECT messages.* FROM unnest(${column('sessionId')}::text[], ${column('behind')}::integer[], ${column('tokens')}::integer[])
          AS asked(id, behind, tokens)
        CROSS JOIN LATERAL (
          SELECT ${selection('Message', 'newest')} FROM (
            SELECT messages.*, sum(tokens) OVER (ORDER BY sequence DESC) AS taken FROM relational.messages
            WHERE session_id = asked.id AND sequence > asked.behind ORDER BY sequence DESC LIMIT ${most}
          ) AS newest WHERE newest.taken <= asked.tokens
        ) AS messages
        ORDER BY messages."sessionId", messages.sequence`,
    ),
    { replica: true },
  );
};
