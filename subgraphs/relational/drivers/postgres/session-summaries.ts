/** Summaries of sessions, and what of a session is told beside one. */
import { sql } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, conflict } from '#subgraphs/shared/errors.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type {
  ChildRequest,
  MessageRow,
  NewestMessages,
  RelationalDriver,
  SessionRow,
  SessionSummaryRow,
} from '../../driver.ts';
import { audit } from './audit.ts';
import { heldSession } from './sessions.ts';
import { rowsOf, selection, statement } from './sql.ts';

const COLUMNS = sql`session_id AS "sessionId", number, after_sequence AS "afterSequence", through_sequence AS "throughSequence", text, tokens, model,
  written_by AS author, run_id AS "runId", created_at AS "createdAt"`;

export async function summarizeSession(
  postgres: Postgres,
  context: RequestContext,
  { sessionId, throughSequence, text, tokens, model, runId }: Parameters<RelationalDriver['summarizeSession']>[1],
  most: number,
): Promise<{ session: SessionRow; summary: SessionSummaryRow }> {
  return await postgres.transaction(context, async (tx) => {
    // Of two that sum up at once the second sees what the first has written.
    const session = await heldSession(tx, sessionId);
    if (throughSequence > session.messageCount)
      throw badUserInput(`The session has no message ${throughSequence}; its last is ${session.messageCount}.`);
    const [before] = await tx.query(
      statement(sql<Pick<SessionSummaryRow, 'number' | 'throughSequence'>>`
        SELECT number, through_sequence AS "throughSequence" FROM relational.session_summaries
        WHERE session_id = ${sessionId} ORDER BY number DESC LIMIT 1`),
    );
    const { number: last = 0, throughSequence: behind = 0 } = before ?? {};
    if (behind > throughSequence)
      throw conflict(`The session has a summary that goes further than message ${throughSequence}.`, {
        hint: 'Read it, and sum up through its `throughSequence` or a later message.',
      });
    const [summary] = await tx.query(
      statement(sql<SessionSummaryRow>`
        INSERT INTO relational.session_summaries
          (session_id, user_id, number, after_sequence, through_sequence, text, tokens, model, written_by, run_id)
        VALUES (${sessionId}, ${session.userId}, ${last + 1}, ${behind}, ${throughSequence}, ${text}, ${tokens}, ${model},
                ${context.principal.subject}, ${runId})
        RETURNING ${COLUMNS}`),
    );
    await tx.query(
      statement(
        sql`DELETE FROM relational.session_summaries WHERE session_id = ${sessionId} AND number <= ${last + 1 - most}`,
      ),
    );
    await audit(tx, context, [
      {
        action: 'session.summarize',
        subjectType: 'Session',
        subjectId: sessionId,
        details: { through: throughSequence, ...(model === null ? {} : { model }) },
      },
    ]);
    return { session, summary: summary! };
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
      sql<SessionSummaryRow>`
        SELECT summary.* FROM unnest(${ids}::text[]) AS session(id) CROSS JOIN LATERAL (
          SELECT ${COLUMNS} FROM relational.session_summaries WHERE session_id = session.id ORDER BY number DESC LIMIT 1
        ) AS summary`,
    ),
    { replica: true },
  );

export const summariesOfSessions = (
  postgres: Postgres,
  context: RequestContext,
  ids: readonly string[],
  { after, backward = false, limit }: ChildRequest,
): Promise<SessionSummaryRow[]> => {
  const way = sql.raw(backward ? 'ASC' : 'DESC');
  const behind = after === undefined ? sql`` : sql`AND number ${sql.raw(backward ? '>' : '<')} ${after}`;
  return postgres.read(
    context,
    statement(
      sql<SessionSummaryRow>`
        SELECT summary.* FROM unnest(${ids}::text[]) AS session(id) CROSS JOIN LATERAL (
          SELECT ${COLUMNS} FROM relational.session_summaries WHERE session_id = session.id ${behind} ORDER BY number ${way} LIMIT ${limit}
        ) AS summary ORDER BY "sessionId", number ${way}`,
    ),
    { replica: true },
  );
};

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
        SELECT messages.* FROM unnest(
          ${column('sessionId')}::text[], ${column('behind')}::integer[], ${column('tokens')}::integer[], ${column('whole')}::integer[],
          ${column('large')}::integer[]
        ) AS asked(id, behind, tokens, whole, large)
        CROSS JOIN LATERAL (
          SELECT ${selection('Message', 'newest')} FROM (
            SELECT messages.*, row_number() OVER newest_first AS place,
              sum(CASE WHEN tokens > asked.whole THEN asked.large ELSE tokens END) OVER newest_first AS taken
            FROM relational.messages WHERE session_id = asked.id AND sequence > asked.behind
            WINDOW newest_first AS (ORDER BY sequence DESC) ORDER BY sequence DESC LIMIT ${most}
          ) AS newest WHERE newest.taken <= asked.tokens OR newest.place = 1
        ) AS messages
        ORDER BY messages."sessionId", messages.sequence`,
    ),
    { replica: true },
  );
};
