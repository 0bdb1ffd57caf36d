/** Sessions and their messages. Whose they are, row-level security knows (migrations/0015_sessions.sql). */
import { sql } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { conflict } from '#subgraphs/shared/errors.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { derivedId, noSuch, randomId } from '#subgraphs/shared/ids.ts';
import { inputHash } from '#subgraphs/shared/input-hash.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import { seesEveryUser } from '#subgraphs/shared/scopes.ts';
import { RELATIONAL } from '../../bounds.ts';
import type {
  AppendMessages,
  IndexedStore,
  MessageParts,
  MessageRow,
  ModelName,
  NewSession,
  RelationalDriver,
  SessionRow,
} from '../../driver.ts';
import { audit, type AuditedChange } from './audit.ts';
import { bumpOutbox, TO_REMOVE } from './documents.ts';
import { rowsOf, selection, statement } from './sql.ts';

/** What follows messages. */
const MESSAGE_STORES: readonly IndexedStore[] = ['VECTOR'];

const saysSomething = ({ content }: { readonly content: string }): boolean => content.trim() !== '';

/** What is a user's, and not the whole tenant's. */
const OWNED: readonly ModelName[] = ['Session', 'Message'];

/**
 * A condition, and that what it is asked of is the caller's where that is all he may see. The policies say the same; said here, an index
 * that begins with the user is read.
 */
export function ofCaller(
  { principal }: RequestContext,
  model: ModelName,
  where: Condition | undefined,
): Condition | undefined {
  if (!OWNED.includes(model) || seesEveryUser(principal, 'sessions:all')) return where;
  const own: Condition = { kind: 'compare', column: 'userId', operator: '=', value: principal.subject };
  return where === undefined ? own : { kind: 'and', of: [own, where] };
}

export async function createSession(
  postgres: Postgres,
  context: RequestContext,
  { agentId, userId, title, metadata, idempotencyKey: key }: NewSession,
): Promise<SessionRow> {
  const id =
    key === null ? randomId('Session') : derivedId('Session', context.principal.tenantId, userId, agentId ?? '', key);
  const hash = key === null ? null : begunHash(title, metadata);
  return await postgres.transaction(context, async (tx) => {
    // First of all: a session outlives its agent.
    const found = key === null ? undefined : await begunBefore(tx, id, title, metadata);
    if (found !== undefined) return found;
    if (agentId !== null) await checkAgent(tx, agentId);
    const [row] = await tx.query(
      rowsOf(
        'Session',
        sql`
          INSERT INTO relational.sessions (id, user_id, agent_id, title, metadata, input_hash)
          VALUES (${id}, ${userId}, ${agentId}, ${title}, ${writeJson(metadata ?? {})}::jsonb, ${hash})
          ON CONFLICT (tenant_id, id) DO NOTHING
          RETURNING ${selection('Session')}`,
      ),
    );
    if (row !== undefined) {
      await audit(tx, context, [
        { action: 'session.create', subjectType: 'Session', subjectId: id, details: { userId } },
      ]);
      return row;
    }
    // A new statement sees what the key's first use committed, also where the insert had to wait for it.
    const before = await begunBefore(tx, id, title, metadata);
    // It may have been deleted since.
    if (before === undefined) throw conflict('The session was deleted just now.', { hint: 'Begin it again.' });
    return before;
  });
}

const begunHash = (title: NewSession['title'], metadata: NewSession['metadata']): string =>
  inputHash({ title, metadata: metadata ?? {} });

/**
 * What a key has begun before, if it has. Who finds it need say nothing of it; what he says must be what it was begun with, or what it is
 * now that somebody has changed it.
 * @throws CodedError `CONFLICT`
 */
async function begunBefore(
  tx: Transaction,
  id: string,
  title: NewSession['title'],
  metadata: NewSession['metadata'],
): Promise<SessionRow | undefined> {
  const [before] = await tx.query(
    statement(sql<SessionRow & { inputHash: string }>`
      SELECT ${selection('Session')}, input_hash AS "inputHash" FROM relational.sessions WHERE id = ${id}`),
  );
  if (before === undefined) return undefined;
  const { inputHash: was, ...session } = before;
  const isAsItIs =
    (title === null || title === session.title) &&
    (metadata === null || inputHash(metadata) === inputHash(session.metadata));
  if (!isAsItIs && was !== begunHash(title, metadata))
    throw conflict('The idempotency key has begun a session with another title or other metadata.', {
      hint: 'Leave them out to find it, use a new key for a new session, or `updateSession`.',
      extensions: { sessionId: id },
    });
  return session;
}

/** The tenant's own, or one that was shared with the caller's project. @throws CodedError `NOT_FOUND` */
async function checkAgent(tx: Transaction, id: string): Promise<void> {
  const found = await tx.query(
    statement(
      sql`SELECT FROM relational.agents WHERE id = ${id} UNION ALL SELECT FROM relational.shared_agents(${[id]}::text[])`,
    ),
  );
  if (found.length === 0) throw noSuch('Agent', id);
}

export async function updateSession(
  postgres: Postgres,
  context: RequestContext,
  id: string,
  { title, metadata, ended }: Parameters<RelationalDriver['updateSession']>[2],
): Promise<SessionRow> {
  const changes = [
    ...(title === undefined ? [] : [sql`title = ${title}`]),
    ...(metadata === undefined ? [] : [sql`metadata = ${writeJson(metadata)}::jsonb`]),
    // Ending again does not end it later.
    ...(ended === undefined ? [] : [ended ? sql`ended_at = COALESCE(ended_at, now())` : sql`ended_at = NULL`]),
  ];
  return await postgres.transaction(context, async (tx) => {
    // Else it would be kept as one that was changed, without an end.
    if (changes.length === 0) return await heldSession(tx, id);
    const [row] = await tx.query(
      rowsOf(
        'Session',
        sql`UPDATE relational.sessions SET ${sql.join([...changes, sql`updated_at = now()`])} WHERE id = ${id} RETURNING ${selection('Session')}`,
      ),
    );
    if (row === undefined) throw noSuch('Session', id);
    const fields = Object.entries({ title, metadata, ended }).flatMap(([name, given]) =>
      given === undefined ? [] : [name],
    );
    await audit(tx, context, [
      { action: 'session.update', subjectType: 'Session', subjectId: id, details: { fields } },
    ]);
    return row;
  });
}

/**
 * A session, which nobody else writes to until the transaction has ended.
 * @throws CodedError `NOT_FOUND`
 */
export async function heldSession(tx: Transaction, id: string): Promise<SessionRow> {
  const [session] = await tx.query(
    rowsOf('Session', sql`SELECT ${selection('Session')} FROM relational.sessions WHERE id = ${id} FOR UPDATE`),
  );
  if (session === undefined) throw noSuch('Session', id);
  return session;
}

export async function appendMessages(
  postgres: Postgres,
  context: RequestContext,
  append: AppendMessages,
): Promise<{ session: SessionRow; messages: MessageRow[] }> {
  const { sessionId, runId, messages, idempotencyKey } = append;
  return await postgres.transaction(context, async (tx) => {
    // Whoever else appends waits here: numbers have no gaps, and none is given twice.
    const session = await heldSession(tx, sessionId);
    // How tokens are estimated may change.
    const given = messages.map(({ tokens: _, ...message }) => message);
    const hash = idempotencyKey === null ? null : inputHash({ runId, messages: given });
    const before = hash === null ? undefined : await earlierAppend(tx, append, hash);
    if (before !== undefined) return { session, messages: before };
    checkAppend(session, append);
    const [first, last] = [session.messageCount + 1, session.messageCount + messages.length];
    const rows = messages.map(({ toolCalls, toolCallId, ...message }, index) => ({
      ...message,
      id: randomId('Message'),
      sequence: first + index,
      tool_calls: toolCalls,
      tool_call_id: toolCallId,
    }));
    // Sent together: the lock is held for one round trip.
    const [stored, [updated]] = await Promise.all([
      tx.query(
        rowsOf(
          'Message',
          sql`
            INSERT INTO relational.messages
              (id, session_id, user_id, sequence, role, content, name, tool_calls, tool_call_id, metadata, run_id, tokens)
            SELECT id, ${sessionId}, ${session.userId}, sequence, role, content, name, tool_calls, tool_call_id, metadata, ${runId}, tokens
            FROM json_to_recordset(${writeJson(rows)}::json) AS message(
              id text, sequence integer, role text, content text, name text, tool_calls jsonb, tool_call_id text, metadata jsonb, tokens integer)
            RETURNING ${selection('Message')}`,
        ),
      ),
      tx.query(
        rowsOf(
          'Session',
          sql`UPDATE relational.sessions SET message_count = ${last}, updated_at = now() WHERE id = ${sessionId} RETURNING ${selection('Session')}`,
        ),
      ),
      // What says nothing is not found by what it says.
      append.indexed && rows.some(saysSomething)
        ? tx.query(
            statement(
              bumpOutbox(
                'UPSERT',
                rows.filter(saysSomething).map(({ id }) => ({ id, objectKey: null })),
                MESSAGE_STORES,
              ),
            ),
          )
        : [],
      hash === null
        ? []
        : tx.query(
            statement(sql`
              INSERT INTO relational.message_appends (session_id, user_id, idempotency_key, input_hash, first_sequence, last_sequence)
              VALUES (${sessionId}, ${session.userId}, ${idempotencyKey}, ${hash}, ${first}, ${last})`),
          ),
      audit(tx, context, [
        { action: 'session.append', subjectType: 'Session', subjectId: sessionId, details: { first, last } },
      ]),
    ]);
    return { session: updated!, messages: stored.sort((left, right) => left.sequence - right.sequence) };
  });
}

export async function messageParts(
  postgres: Postgres,
  context: RequestContext,
  ids: readonly string[],
  { bytes, characters }: { readonly bytes: number; readonly characters?: number },
): Promise<{ id: string; bytes: number; parts: MessageParts | null }[]> {
  const [content, length] =
    characters === undefined
      ? [sql`content`, sql`octet_length(content)`]
      : [sql`left(content, ${characters})`, sql`least(octet_length(content), 4 * ${characters}::integer)`];
  const rows = await postgres.read(
    context,
    // How long a value is is known without unpacking it.
    statement(sql<MessageParts & { id: string; bytes: number; fits: boolean }>`
      SELECT id, bytes, fits, CASE WHEN fits THEN ${content} END AS content, CASE WHEN fits THEN tool_calls END AS "toolCalls",
        CASE WHEN fits THEN metadata END AS metadata
      FROM (
        SELECT *, sum(bytes) OVER (ORDER BY id) <= ${bytes} AS fits FROM (
          SELECT id, content, tool_calls, metadata,
            ${length} + coalesce(pg_column_size(tool_calls), 0) + pg_column_size(metadata) AS bytes
          FROM relational.messages WHERE id = ANY(${ids}::text[])
        ) AS measured
      ) AS summed`),
    { replica: true },
  );
  return rows.map(({ id, bytes, fits, ...parts }) => ({ id, bytes, parts: fits ? parts : null }));
}

/** What the same key appended before. @throws CodedError `CONFLICT` where it were other messages */
async function earlierAppend(
  tx: Transaction,
  { sessionId, idempotencyKey }: AppendMessages,
  hash: string,
): Promise<MessageRow[] | undefined> {
  const [before] = await tx.query(
    statement(sql<{ inputHash: string; firstSequence: number; lastSequence: number }>`
      SELECT input_hash AS "inputHash", first_sequence AS "firstSequence", last_sequence AS "lastSequence"
      FROM relational.message_appends WHERE session_id = ${sessionId} AND idempotency_key = ${idempotencyKey}`),
  );
  if (before === undefined) return undefined;
  const { inputHash: was, ...extensions } = before;
  if (was !== hash)
    throw conflict('The idempotency key has appended other messages to this session.', {
      hint: 'Use a new key for a new append.',
      extensions,
    });
  return await tx.query(
    rowsOf(
      'Message',
      sql`SELECT ${selection('Message')} FROM relational.messages WHERE session_id = ${sessionId}
          AND sequence BETWEEN ${before.firstSequence} AND ${before.lastSequence} ORDER BY sequence`,
    ),
  );
}

function checkAppend(
  { messageCount, endedAt }: SessionRow,
  { messages, expectedSequence }: Pick<AppendMessages, 'messages' | 'expectedSequence'>,
): void {
  const extensions = { lastSequence: messageCount };
  if (endedAt !== null)
    throw conflict('The session has ended; nothing can be appended.', {
      hint: 'Go on in another, or `updateSession(input: { ended: false })`.',
      extensions,
    });
  if (expectedSequence !== null && expectedSequence !== messageCount)
    throw conflict(`The session's last message is ${messageCount}, not ${expectedSequence}.`, {
      hint: 'Read the messages since, then append with the present `expectedSequence`.',
      extensions,
    });
  if (messageCount + messages.length > RELATIONAL.sessionMessages)
    throw conflict(`A session holds at most ${RELATIONAL.sessionMessages} messages; this one has ${messageCount}.`, {
      hint: 'Go on in another.',
      extensions,
    });
}

export async function deleteSession(postgres: Postgres, context: RequestContext, id: string): Promise<SessionRow> {
  return await postgres.transaction(context, async (tx) => {
    await heldSession(tx, id);
    await removeFromStores(tx, id);
    const [row] = await tx.query(
      rowsOf('Session', sql`DELETE FROM relational.sessions WHERE id = ${id} RETURNING ${selection('Session')}`),
    );
    if (row === undefined) throw noSuch('Session', id);
    await audit(tx, context, [erased('session.delete', row)]);
    return row;
  });
}

export const expiredSessions = async (
  postgres: Postgres,
  context: RequestContext,
  days: number,
  limit: number,
): Promise<{ tenantId: string; id: string }[]> =>
  await postgres.systemTransaction(context, (tx) =>
    tx.query(
      statement(sql<{ tenantId: string; id: string }>`
        SELECT tenant_id AS "tenantId", id FROM relational.sessions WHERE ${isExpired(days)} ORDER BY updated_at, tenant_id, id LIMIT ${limit}`),
    ),
  );

export const expireSession = async (
  postgres: Postgres,
  context: RequestContext,
  id: string,
  days: number,
): Promise<boolean> =>
  await postgres.transaction(context, async (tx) => {
    // It may have been written to since.
    const due = await tx.query(
      statement(sql`SELECT FROM relational.sessions WHERE id = ${id} AND ${isExpired(days)} FOR UPDATE`),
    );
    if (due.length === 0) return false;
    await removeFromStores(tx, id);
    const [row] = await tx.query(
      rowsOf('Session', sql`DELETE FROM relational.sessions WHERE id = ${id} RETURNING ${selection('Session')}`),
    );
    if (row === undefined) return false;
    await audit(tx, context, [erased('session.expire', row)]);
    return true;
  });

/** What other stores have of the messages of a session that is held goes too. */
const removeFromStores = (tx: Transaction, id: string): Promise<unknown> =>
  tx.query(
    statement(sql`
      UPDATE relational.outbox AS entry SET ${TO_REMOVE}
      FROM relational.messages AS message WHERE message.session_id = ${id} AND entry.document_id = message.id`),
  );

const isExpired = (days: number) => sql`updated_at < now() - ${days} * interval '1 day'`;

const erased = (action: string, { id, userId, messageCount }: SessionRow): AuditedChange => ({
  action,
  subjectType: 'Session',
  subjectId: id,
  details: { userId, messages: messageCount },
});
