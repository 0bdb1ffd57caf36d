/**
 * Reads the record of changes (changes/postgres-log.ts). A place is a transaction and a number; nothing is read of transactions that are
 * younger than one that runs still, so that nothing appears behind who reads. Conditions are looked at on the row as it was
 * and as it has become, so that a row that begins or ceases to match is told as one that comes or goes.
 */
import { sql } from 'kysely';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { Listening, type ListeningOptions } from '#subgraphs/shared/postgres/listening.ts';
import type { PostgresPool } from '#subgraphs/shared/postgres/pool.ts';
import { SOURCES } from '../../bounds.ts';
import {
  tableIdOf,
  type Change,
  type ChangeBatch,
  type ChangeKind,
  type ChangePlace,
  type ChangesRequest,
  type SourceChanges,
} from '../../driver.ts';
import type { Sql, SqlStatement } from '../sql/dialect.ts';
import type { SqlConnections } from '../sql/source.ts';
import {
  Aliased,
  columnIn,
  compiled,
  isTenantOf,
  named,
  rowOf,
  selectedNames,
  selectedOf,
  whereSql,
} from '../sql/statements.ts';
import { CHANGES, CHANNEL, PRUNED } from '../../changes/postgres-log.ts';
import { postgresDialect } from './dialect.ts';

const changesTable = sql.raw(CHANGES);
const prunedTable = sql.raw(PRUNED);

/** Behind the number of a change of which it was told what is no more, and not yet what has come in its place. */
const HALF = '-';

const place = (transactionId: unknown, id: unknown): ChangePlace => [String(transactionId), String(id)];

export function postgresChanges(
  read: SqlConnections['read'],
  pool: Pick<PostgresPool, 'listen'>,
  who: ListeningOptions['who'],
): SourceChanges {
  return {
    async head(context) {
      const [found] = await read(
        context,
        compiled(postgresDialect, sql`SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS head`),
      );
      return place(found!['head'], 0);
    },
    async read(context, request) {
      const { tenantId } = context.principal;
      if (!isTenantOf(request.relation, tenantId))
        return { changes: [], upTo: request.after, more: false, pending: false };
      return batchOf(request, await read(context, statement(request, tenantId)));
    },
    isPlace: (given): given is ChangePlace =>
      given.length === 2 &&
      given.every((each) => typeof each === 'string') &&
      /^\d{1,18}$/.test(given[0]!) &&
      /^\d{1,18}-?$/.test(given[1]!),
    listen(onChange, log) {
      let open = true;
      const listening = new Listening(pool, { channel: CHANNEL, who, log });
      listening.start({
        onMessage: onChange,
        onGap: () => onChange(undefined),
        needed: () => open,
      });
      return {
        ready: () => listening.ready(),
        close: async () => {
          open = false;
          await listening.close();
        },
      };
    },
  };
}

/** The first row says where the record stands; the others are its changes, whether they match or not. */
function statement(request: ChangesRequest, tenantId: string): SqlStatement {
  const { relation, key } = request;
  const [transactionId, number] = request.after as [string, string];
  // The change that is half told is read again.
  const id = number.endsWith(HALF) ? String(BigInt(number.slice(0, -1)) - 1n) : number;
  const behind = sql`c.relation = ${tableIdOf(relation)} AND (c.transaction_id, c.id) > (${transactionId}::xid8, ${id}::bigint)`;
  const side = (of: 'before' | 'after'): Sql => {
    const rows = sql`jsonb_populate_record(NULL::${postgresDialect.table(relation)}, s.${sql.ref(of)})`;
    const table = new Aliased(postgresDialect, relation, tenantId, 0, rows);
    const selected = selectedOf(postgresDialect, request, table);
    const conditions = [sql`s.${sql.ref(of)} IS NOT NULL`, ...table.conditions(request)];
    return sql`LEFT JOIN LATERAL (SELECT ${sql.join([named(sql`true`, 'is'), ...selected])} FROM ${table.from}${whereSql(conditions)}) AS ${sql.ref(`of_${of}`)} ON true`;
  };
  const values = selectedNames(request).map((name) =>
    named(sql`CASE WHEN of_after.is THEN of_after.${sql.ref(name)} ELSE of_before.${sql.ref(name)} END`, name),
  );
  const names = key.map((field) => columnIn(relation, field).name);
  const other = names.map((name) => sql`w.before -> ${name}::text IS DISTINCT FROM w.after -> ${name}::text`);
  const rekeyed =
    other.length === 0
      ? sql`false`
      : sql`(w.before IS NOT NULL AND w.after IS NOT NULL AND (${sql.join(other, sql` OR `)}))`;
  return compiled(
    postgresDialect,
    sql`WITH stand AS (
      SELECT pg_snapshot_xmin(pg_current_snapshot()) AS head, pg_snapshot_xmax(pg_current_snapshot()) AS most,
             (p.transaction_id, p.id) > (${transactionId}::xid8, ${id}::bigint) AS expired FROM ${prunedTable} AS p
    ), w AS MATERIALIZED (
      SELECT c.transaction_id, c.id, c.kind, c.before, c.after FROM ${changesTable} AS c
      WHERE ${behind} AND c.transaction_id < (SELECT head FROM stand)
      ORDER BY c.transaction_id, c.id LIMIT ${sql.lit(SOURCES.changes)}
    ), s AS (
      SELECT w.transaction_id, w.id, w.kind, p.before, p.after, p.part FROM w CROSS JOIN LATERAL (
        SELECT w.before, w.after, 0 AS part WHERE NOT ${rekeyed}
        UNION ALL SELECT w.before, NULL, 1 WHERE ${rekeyed}
        UNION ALL SELECT NULL, w.after, 2 WHERE ${rekeyed}
      ) AS p
    )
    SELECT stand.head::text AS head, stand.expired, stand.head >= ${transactionId}::xid8 AS reached,
           (SELECT c.transaction_id FROM ${changesTable} AS c WHERE ${behind} ORDER BY c.transaction_id DESC, c.id DESC LIMIT 1)::text AS last,
           stand.most::text AS most, s.transaction_id::text AS at, s.id::text AS number, s.part, s.kind,
           of_before.is AS was, of_after.is AS becomes${values.length === 0 ? sql`` : sql`, ${sql.join(values)}`}
    FROM stand LEFT JOIN s ON true ${side('before')} ${side('after')}
    ORDER BY s.transaction_id, s.id, s.part`,
  );
}

function batchOf(request: ChangesRequest, rows: readonly Record<string, unknown>[]): ChangeBatch {
  const [stand] = rows;
  if (stand === undefined) throw noRecord();
  if (stand['expired'] === true)
    throw new CodedError('CURSOR_EXPIRED', 'Some changes behind this cursor are no longer kept.', {
      hint: 'Read the list anew, and subscribe without `after`.',
    });
  if (stand['reached'] !== true)
    throw badUserInput('`after` is past the end of the changes.', {
      hint: 'Use the `cursor` of the last change seen, or subscribe without `after`.',
    });
  const head = BigInt(stand['head'] as string);
  const last = BigInt((stand['last'] as string | null) ?? 0);
  if (last >= BigInt(stand['most'] as string))
    throw new CodedError(
      'STORE_UNAVAILABLE',
      `The record of changes of ${tableIdOf(request.relation)} is another database cluster's.`,
      {
        hint: 'Run what `npm run sources:changes` prints once more, as the owner of the tables.',
      },
    );
  const found = rows.filter(({ number }) => number !== null);
  const more = new Set(found.map(({ number }) => number)).size === SOURCES.changes;
  const [transactionId, number] = request.after;
  return {
    changes: found.flatMap((row) => {
      const change = changeOf(request, row);
      const isTold = change?.place[1] === number && change?.place[0] === transactionId;
      return change === undefined || isTold ? [] : [change];
    }),
    upTo: more ? place(found.at(-1)!['at'], found.at(-1)!['number']) : place(head, 0),
    more,
    pending: !more && last >= head,
  };
}

function changeOf(request: ChangesRequest, row: Record<string, unknown>): Change | undefined {
  const { kind, was, becomes } = row;
  const told = { place: place(row['at'], `${String(row['number'])}${row['part'] === 1 ? HALF : ''}`) };
  if (kind === 'T') return { ...told, kind: 'EMPTIED', row: undefined };
  if (was !== true && becomes !== true) return undefined;
  const what: ChangeKind = was !== true ? 'ADDED' : becomes === true ? 'CHANGED' : 'REMOVED';
  return { ...told, kind: what, row: rowOf(postgresDialect, request, row) };
}

const noRecord = (): CodedError =>
  new CodedError('STORE_UNAVAILABLE', 'The record of changes has lost its place.', {
    hint: 'Run what `npm run sources:changes` prints once more, as the owner of the tables.',
  });
