/** Agents and their versions. */
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { isDeepStrictEqual } from 'node:util';
import { sql } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { conflict } from '#subgraphs/shared/errors.ts';
import { noSuch, randomId } from '#subgraphs/shared/ids.ts';
import type { Postgres, Transaction } from '#subgraphs/shared/postgres/postgres.ts';
import { agentVersionId } from '../../agents/version-id.ts';
import type { AgentDraft, AgentRow, AgentVersionRow, ChildRequest } from '../../driver.ts';
import { audit } from './audit.ts';
import { TO_REMOVE } from './documents.ts';
import { readingShared, withShared } from './shares.ts';
import { rowsOf, selection, statement } from './sql.ts';

export async function createAgent(postgres: Postgres, context: RequestContext, draft: AgentDraft): Promise<AgentRow> {
  const id = randomId('Agent');
  return await postgres.transaction(context, async (tx) => {
    const [row] = await tx.query(
      rowsOf(
        'Agent',
        sql`INSERT INTO relational.agents (id, name, description, version_number) VALUES (${id}, ${draft.name}, ${draft.description}, 1)
            RETURNING ${selection('Agent')}`,
      ),
    );
    await insertVersion(tx, id, 1, draft);
    await audit(tx, context, [
      { action: 'agent.create', subjectType: 'Agent', subjectId: id, details: { name: draft.name } },
    ]);
    return row!;
  });
}

export async function updateAgent(
  postgres: Postgres,
  context: RequestContext,
  id: string,
  changes: Partial<AgentDraft>,
  expectedVersion?: number,
): Promise<AgentRow> {
  return await postgres.transaction(context, async (tx) => {
    const [agent] = await tx.query(
      rowsOf('Agent', sql`SELECT ${selection('Agent')} FROM relational.agents WHERE id = ${id} FOR UPDATE`),
    );
    if (agent === undefined) throw noSuch('Agent', id);
    if (expectedVersion !== undefined && expectedVersion !== agent.versionNumber) {
      throw conflict(`The agent's version is ${agent.versionNumber}, not ${expectedVersion}.`, {
        hint: 'Read the agent and decide again.',
      });
    }
    const [current] = await tx.query(
      rowsOf(
        'AgentVersion',
        sql`SELECT ${selection('AgentVersion')} FROM relational.agent_versions WHERE id = ${agentVersionId(id, agent.versionNumber)}`,
      ),
    );
    const { name, description, instructions, model, config } = current!;
    const before: AgentDraft = { name, description, instructions, model, config };
    const after: AgentDraft = {
      ...before,
      ...Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)),
    };
    if (isDeepStrictEqual(before, after)) return agent;
    const number = agent.versionNumber + 1;
    const [row] = await tx.query(
      rowsOf(
        'Agent',
        sql`UPDATE relational.agents SET name = ${after.name}, description = ${after.description}, version_number = ${number}, updated_at = now()
            WHERE id = ${id} RETURNING ${selection('Agent')}`,
      ),
    );
    await insertVersion(tx, id, number, after);
    await audit(tx, context, [
      { action: 'agent.update', subjectType: 'Agent', subjectId: id, details: { version: number } },
    ]);
    return row!;
  });
}

async function insertVersion(tx: Transaction, agentId: string, number: number, draft: AgentDraft): Promise<void> {
  await tx.query(
    statement(sql`
      INSERT INTO relational.agent_versions (id, agent_id, number, name, description, instructions, model, config)
      VALUES (${agentVersionId(agentId, number)}, ${agentId}, ${number}, ${draft.name}, ${draft.description}, ${draft.instructions},
              ${draft.model}, ${writeJson(draft.config)}::jsonb)`),
  );
}

export async function deleteAgent(postgres: Postgres, context: RequestContext, id: string): Promise<AgentRow> {
  return await postgres.transaction(context, async (tx) => {
    // Locked first: then nothing more is remembered for it, and all that was is found, and told to be gone.
    await tx.query(statement(sql`SELECT FROM relational.agents WHERE id = ${id} FOR UPDATE`));
    // Of all users, whoever deletes it: their facts go with the agent, and the vector store is told.
    await tx.query(statement(sql`SELECT set_config('app.every_memory', 'on', true)`));
    await tx.query(
      statement(sql`
        WITH gone AS (DELETE FROM relational.memory_facts WHERE agent_id = ${id} RETURNING id)
        UPDATE relational.outbox AS entry
        SET ${TO_REMOVE}
        FROM gone WHERE entry.document_id = gone.id`),
    );
    const [row] = await tx.query(
      rowsOf('Agent', sql`DELETE FROM relational.agents WHERE id = ${id} RETURNING ${selection('Agent')}`),
    );
    if (row === undefined) throw noSuch('Agent', id);
    await audit(tx, context, [
      { action: 'agent.delete', subjectType: 'Agent', subjectId: id, details: { name: row.name } },
    ]);
    return row;
  });
}

export const versionsOfAgents = async (
  postgres: Postgres,
  context: RequestContext,
  ids: readonly string[],
  { after, backward = false, limit }: ChildRequest,
): Promise<AgentVersionRow[]> => {
  const way = sql.raw(backward ? 'ASC' : 'DESC');
  const behind = after === undefined ? sql`` : sql`AND number ${sql.raw(backward ? '>' : '<')} ${after}`;
  const shared = sql.id('relational', backward ? 'shared_versions_behind' : 'shared_versions_of');
  return await postgres.read(
    context,
    rowsOf(
      'AgentVersion',
      sql`
        ${withShared(
          context,
          sql`SELECT version.* FROM unnest(${ids}::text[]) AS parent(id) CROSS JOIN LATERAL (
                SELECT ${selection('AgentVersion')} FROM relational.agent_versions
                WHERE agent_id = parent.id ${behind} ORDER BY number ${way} LIMIT ${limit}
              ) AS version`,
          sql`SELECT ${selection('AgentVersion')} FROM ${shared}(${ids}::text[], ${after ?? null}, ${limit}) AS agent_versions`,
        )}
        ORDER BY "agentId", number ${way}`,
    ),
    readingShared(context),
  );
};
