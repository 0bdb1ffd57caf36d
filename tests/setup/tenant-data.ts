/** Something of every kind that a tenant can have, in every store, each with a word that nothing else holds. */
import { parse } from 'graphql';
import pg from 'pg';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { ALL_SCOPES } from '#subgraphs/shared/scopes.ts';
import { tenantOf } from '#subgraphs/shared/tenant-id.ts';
import type { TestServer } from './server.ts';

type Asking = Pick<TestServer, 'services'>;

/** Asks a subgraph as a caller of the tenant who may do everything. @throws where anything failed */
export async function ask<Data>(
  { services }: Asking,
  tenantId: string,
  subgraph: string,
  operation: string,
  variables: Record<string, unknown> = {},
): Promise<Data> {
  const context = createRequestContext({ tenantId, subject: `of-${tenantId}`, roles: [], scopes: [...ALL_SCOPES] });
  const operationType = operation.startsWith('mutation') ? 'mutation' : 'query';
  const { data, errors } = await services.clients
    .get(subgraph)!
    .execute({ document: parse(operation), operationType, variables, context });
  if (errors !== undefined) throw new AggregateError(errors, JSON.stringify(errors));
  return data as Data;
}

/** Writes a document with entities, which the outbox delivers to all stores. */
export const writeDocument = (server: Asking, tenantId: string, name: string, word: string): Promise<unknown> =>
  ask(
    server,
    tenantId,
    'relational',
    'mutation ($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }',
    {
      input: {
        title: `${word} ${name}`,
        source: `${word}/${name}.md`,
        mediaType: 'text/markdown',
        text: `The ${word} of ${name} is told here.`,
        metadata: { word },
        entities: [{ name: `${word} ${name}`, kind: 'topic' }],
        relations: [
          {
            from: { name: `${word} ${name}`, kind: 'topic' },
            to: { name: `${word} all`, kind: 'topic' },
            type: 'PART_OF',
          },
        ],
      },
    },
  );

/** Writes something of every kind. @param word stands in each of them */
export async function writeEverything(server: Asking, tenantId: string, word: string): Promise<void> {
  const mutate = <Data>(subgraph: string, name: string, selection: string, input: unknown): Promise<Data> => {
    const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input!`;
    return ask<Data>(
      server,
      tenantId,
      subgraph,
      `mutation ($input: ${type}) { ${name}(input: $input) { ${selection} } }`,
      { input },
    );
  };
  for (let n = 0; n < 3; n += 1) await writeDocument(server, tenantId, `number-${n}`, word);
  const { createAgent } = await mutate<{ createAgent: { agent: { id: string } } }>(
    'relational',
    'createAgent',
    'agent { id }',
    {
      name: `${word}-agent`,
      instructions: word,
    },
  );
  const agentId = createAgent.agent.id;
  await mutate('relational', 'rememberFact', 'fact { id }', { agentId, key: `${word}/key`, value: word });
  await mutate('relational', 'createApiKey', 'key { id }', { name: word, scopes: [] });
  const { createSession } = await mutate<{ createSession: { session: { id: string } } }>(
    'relational',
    'createSession',
    'session { id }',
    {
      title: word,
    },
  );
  await mutate('relational', 'appendMessages', 'session { id }', {
    sessionId: createSession.session.id,
    messages: [{ role: 'USER', content: word }],
    idempotencyKey: word,
  });
  await mutate('relational', 'summarizeSession', 'session { id }', {
    sessionId: createSession.session.id,
    text: word,
    throughSequence: 1,
  });
  const { startRun } = await mutate<{ startRun: { run: { id: string } } }>('runs', 'startRun', 'run { id }', {
    agentId,
    input: { word },
  });
  await mutate('runs', 'appendRunEvents', 'run { id }', {
    runId: startRun.run.id,
    events: [{ type: 'CUSTOM', payload: { name: 'word', value: word } }],
    idempotencyKey: word,
  });
  await mutate('object', 'putObject', 'object { key }', {
    key: `uploads/${word}.txt`,
    contentType: 'text/plain',
    content: word,
    encoding: 'UTF8',
  });
  await mutate('graph', 'upsertEntities', 'entities { id }', {
    entities: [{ name: `${word} by hand`, kind: 'topic', properties: { word } }],
  });
}

/** Every row of every table that holds one of these texts anywhere, by table. As a superuser, who sees all. */
export async function rowsWith(databaseUrl: string, ...texts: readonly string[]): Promise<Record<string, number>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
    );
    const found: Record<string, number> = {};
    for (const { name } of tables) {
      const { rows } = await client.query<{ count: string }>(
        `SELECT count(*) AS count FROM ${name} AS t WHERE EXISTS (SELECT FROM unnest($1::text[]) AS u (part) WHERE position(u.part IN t::text) > 0)`,
        [texts],
      );
      if (Number(rows[0]!.count) > 0) found[name] = Number(rows[0]!.count);
    }
    return found;
  } finally {
    await client.end();
  }
}

/** All rows of all tables of a tenant and its projects, as texts in an order of their own, to compare. */
export async function rowsOf(databaseUrl: string, tenantId: string): Promise<Record<string, string[]>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.columns
        WHERE column_name = 'tenant_id' AND table_schema IN ('relational', 'graph', 'vector', 'runs', 'inference')`,
    );
    const found: Record<string, string[]> = {};
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(
        `SELECT t::text AS row FROM ${name} AS t WHERE tenant_id = $1 OR starts_with(tenant_id, $1 || '.') ORDER BY 1`,
        [tenantOf(tenantId)],
      );
      if (rows.length > 0) found[name] = rows.map(({ row }) => row);
    }
    return found;
  } finally {
    await client.end();
  }
}
