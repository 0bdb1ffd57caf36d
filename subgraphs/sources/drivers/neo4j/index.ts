/** Labels of a Neo4j as a source: nodes are rows, and so are relationships, which lead to the nodes at their ends. Read only. */
import neo4j from 'neo4j-driver';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';
import { Neo4jClient } from '#subgraphs/shared/neo4j/neo4j.ts';
import { SOURCES } from '../../bounds.ts';
import type { SourceDriver, SourceOptions } from '../../driver.ts';
import { healthOf } from '../health.ts';
import { scannedSource, type Counted, type Scan, type StoredRow } from '../scanned/source.ts';
import { introspect } from './introspect.ts';
import { columnNames, ELEMENT_ID, type Ask } from './names.ts';
import { expressionOf, patternOf, whereOf } from './filter.ts';
import { storedOf } from './values.ts';

/** @throws CodedError `STORE_UNAVAILABLE` for what is no such URL */
export function createNeo4jSource(options: SourceOptions): SourceDriver {
  const { name, variable, poolSize, connectTimeoutMs, statementTimeoutMs, sampled } = options;
  const { uri, username, database } = addressOf(options);
  const client = new Neo4jClient(
    {
      uri,
      username,
      password: () => addressOf(options).password,
      ...(database === '' ? {} : { database }),
      poolSize,
      connectTimeoutMs,
      // A new connection is waited for, too.
      acquireTimeoutMs: connectTimeoutMs * 2,
      transactionTimeoutMs: statementTimeoutMs,
    },
    { exactIntegers: true },
  );
  const store = `The source ${name}`;
  const told = (error: unknown): Error => {
    const { code } = error as { code?: string };
    if (code === 'STORE_TIMEOUT') return storeTimeout(store, error);
    const { code: cause = '' } = ((error as Error).cause ?? {}) as { code?: string };
    if (code === 'STORE_UNAVAILABLE' && cause.startsWith('Neo.ClientError.Security.'))
      return storeUnavailable(store, error, `Neo4j refused the user or password: check ${variable}.`);
    if (code === 'STORE_UNAVAILABLE')
      return storeUnavailable(store, error, `Check that a Neo4j of version 5 or newer runs at ${variable}.`);
    if (error instanceof CodedError) return error;
    return new CodedError('STORE_UNAVAILABLE', `${store} failed to answer.`, {
      cause: error,
      hint: 'The log says why.',
    });
  };
  const ask =
    (context: RequestContext): Ask =>
    async (cypher, parameters) => {
      try {
        return await client.transaction(context, 'executeRead', async (run) =>
          (await run(cypher, parameters)).records.map((record) => record.toObject()),
        );
      } catch (error) {
        throw told(error);
      }
    };
  const ourselves = () => createRequestContext({ tenantId: '', subject: 'sources', roles: [], scopes: [] });
  return scannedSource(
    {
      ordered: ELEMENT_ID,
      introspect: () => introspect(ask(ourselves()), sampled),
      pages: (context, scan, size) => pages(ask(context), context, scan, Math.min(size + 1, SOURCES.scannedPage)),
      count: (context, scan, by, most) => counted(ask(context), context, scan, by, most),
      health: () => healthOf(name, () => ask(ourselves())('RETURN 1', {})),
      close: () => client.close(),
    },
    options,
  );
}

async function* pages(
  ask: Ask,
  context: RequestContext,
  { relation, where, after }: Scan,
  limit: number,
): AsyncGenerator<readonly StoredRow[]> {
  const { columns, tenant } = relation;
  const names = [...new Set([...Object.values(columns), ...(tenant === undefined ? [] : [tenant])].map(({ name }) => name))]; // prettier-ignore
  const { conditions, parameters } = whereOf(relation, context.principal.tenantId, where);
  const returned = names.map((name, index) => `${expressionOf(relation, name, `p${index}`)} AS v${index}`);
  const keys = Object.fromEntries(names.map((name, index) => [`p${index}`, columnNames.keyOf(name)]));
  let from = after ?? '';
  for (;;) {
    const all = ['elementId(n) > $after', ...conditions].join(' AND ');
    const rows = await ask(
      `${patternOf(relation)} WHERE ${all} RETURN elementId(n) AS id, ${returned.join(', ')} ORDER BY id LIMIT $limit`,
      { ...parameters, ...keys, after: from, limit: neo4j.int(limit) },
    );
    yield rows.map((row) => Object.fromEntries(names.map((name, index) => [name, storedOf(row[`v${index}`])])));
    if (rows.length < limit) return;
    from = String(rows.at(-1)!['id']);
  }
}

/** What the rows of each have in common is told as they keep it, the tenant among it, which is checked once more. */
async function counted(
  ask: Ask,
  context: RequestContext,
  { relation, where }: Omit<Scan, 'after'>,
  by: readonly string[],
  most: number,
): Promise<readonly Counted[] | undefined> {
  const { columns, tenant } = relation;
  const { tenantId } = context.principal;
  const { conditions, parameters, exact } = whereOf(relation, tenantId, where);
  if (!exact) return undefined;
  const names = [...new Set([...by.map((field) => columns[field]!), ...(tenant === undefined ? [] : [tenant])].map(({ name }) => name))]; // prettier-ignore
  const keys = Object.fromEntries(names.map((name, index) => [`p${index}`, columnNames.keyOf(name)]));
  const told = [...names.map((name, index) => `${expressionOf(relation, name, `p${index}`)} AS v${index}`), 'count(*) AS count']; // prettier-ignore
  const rows = await ask(
    `${patternOf(relation)}${conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`} RETURN ${told.join(', ')} LIMIT $limit`,
    { ...parameters, ...keys, limit: neo4j.int(most + 1) },
  );
  return rows
    .map((row) => ({
      stored: Object.fromEntries(names.map((name, index) => [name, storedOf(row[`v${index}`])])),
      count: Number(String(row['count'])),
    }))
    .filter(({ stored }) => tenant === undefined || String(stored[tenant.name]) === tenantId);
}

/** `neo4j://reader:…@host:7687/database`; with `+s`, TLS. */
function addressOf({ name, variable, url }: SourceOptions) {
  try {
    const { protocol, host, username, password, pathname } = new URL(url());
    if (host === '') throw new Error('It names no host.');
    return {
      uri: `${protocol}//${host}`,
      username: decodeURIComponent(username),
      password: decodeURIComponent(password),
      database: decodeURIComponent(pathname.replace(/^\//, '')),
    };
  } catch (cause) {
    // The URL may hold a password: its words are the cause's alone.
    throw new CodedError('STORE_UNAVAILABLE', `The URL of the source ${name} cannot be read.`, {
      cause,
      hint: `Set ${variable} to one such as neo4j+s://reader:…@graph.example:7687/neo4j.`,
    });
  }
}
