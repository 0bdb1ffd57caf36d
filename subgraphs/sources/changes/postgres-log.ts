/**
 * The record of changes that an operator may let his PostgreSQL keep: a table that triggers fill in the transactions of
 * whoever writes. What reads it is in drivers/postgres/changes.ts; `npm run sources:changes` prints what makes it.
 */
import pg from 'pg';
import { SOURCES } from '../bounds.ts';

/** The schema of what is made, so that nothing of the operator's own is in its way. */
const SCHEMA = 'tributary';
export const CHANGES = `${SCHEMA}.changes`;
export const PRUNED = `${SCHEMA}.changes_pruned`;
/** Wake-ups: the table that has changed, and nothing of its rows. */
export const CHANNEL = 'tributary_changes';
/** What the trigger of a table is called; its arguments are the table and the columns that are recorded. */
export const TRIGGER = 'tributary_changes';

export interface LoggedTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly string[];
}

export interface ChangeLogOptions {
  /** For how long changes are kept, as PostgreSQL's `interval` has it. */
  readonly keep: string;
  /** Whether transactions tell of their changes as they commit. */
  readonly notify: boolean;
  /** Who reads. */
  readonly reader: string;
}

const { escapeIdentifier: id, escapeLiteral: text } = pg;

/**
 * SQL that makes the record, and the triggers of these tables. To be run by their owner; it can be run again.
 *
 * A change's place is its transaction and its number: readers go only as far as no transaction runs that is older, so that
 * nothing appears behind them.
 */
export function changeLogSql(tables: readonly LoggedTable[], { keep, notify, reader }: ChangeLogOptions): string {
  return `BEGIN;
CREATE SCHEMA IF NOT EXISTS ${SCHEMA};
CREATE TABLE IF NOT EXISTS ${CHANGES} (
  relation text NOT NULL,
  transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
  id bigint GENERATED ALWAYS AS IDENTITY,
  -- I(nserted), U(pdated), D(eleted), T(runcated)
  kind "char" NOT NULL,
  before jsonb,
  after jsonb,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (relation, transaction_id, id)
);
CREATE INDEX IF NOT EXISTS changes_by_age ON ${CHANGES} (transaction_id, id);
-- The last place that is no longer kept.
CREATE TABLE IF NOT EXISTS ${PRUNED} (one boolean PRIMARY KEY DEFAULT true CHECK (one), transaction_id xid8 NOT NULL, id bigint NOT NULL);
INSERT INTO ${PRUNED} (transaction_id, id) VALUES ('0', 0) ON CONFLICT DO NOTHING;
-- What another cluster recorded, before a backup of it was restored here, has places of its transactions.
WITH foreign_ones AS (
  DELETE FROM ${CHANGES} WHERE EXISTS (SELECT FROM ${CHANGES} WHERE transaction_id >= pg_snapshot_xmax(pg_current_snapshot())) RETURNING 1
)
UPDATE ${PRUNED} SET transaction_id = pg_snapshot_xmin(pg_current_snapshot()), id = 0 WHERE EXISTS (SELECT FROM foreign_ones);

CREATE OR REPLACE FUNCTION ${SCHEMA}.prune_changes(keep interval DEFAULT ${text(keep)}, most integer DEFAULT ${SOURCES.pruned}) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE removed bigint;
BEGIN
  -- One at a time, and nobody waits for another.
  IF NOT pg_try_advisory_xact_lock(hashtext('${CHANGES}')) THEN RETURN 0; END IF;
  WITH oldest AS (
    SELECT c.relation, c.transaction_id, c.id, c.at FROM ${CHANGES} c
    WHERE c.transaction_id < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY c.transaction_id, c.id LIMIT most
  ), gone AS (
    DELETE FROM ${CHANGES} c USING oldest o
    WHERE o.at < now() - keep AND c.relation = o.relation AND c.transaction_id = o.transaction_id AND c.id = o.id
    RETURNING c.transaction_id, c.id
  ), last AS (
    SELECT count(*) OVER () AS gone, transaction_id, id FROM gone ORDER BY transaction_id DESC, id DESC LIMIT 1
  ), told AS (
    UPDATE ${PRUNED} p SET transaction_id = last.transaction_id, id = last.id FROM last
    WHERE (p.transaction_id, p.id) < (last.transaction_id, last.id)
  )
  SELECT last.gone INTO removed FROM last;
  RETURN coalesce(removed, 0);
END $$;

CREATE OR REPLACE FUNCTION ${SCHEMA}.record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was jsonb;
  becomes jsonb;
  number bigint;
BEGIN
  -- Only the columns that are served are recorded.
  IF TG_OP IN ('UPDATE', 'DELETE') THEN
    SELECT jsonb_object_agg(key, value) INTO was FROM jsonb_each(to_jsonb(OLD)) WHERE key = ANY (TG_ARGV[1:]);
  END IF;
  IF TG_OP IN ('INSERT', 'UPDATE') THEN
    SELECT jsonb_object_agg(key, value) INTO becomes FROM jsonb_each(to_jsonb(NEW)) WHERE key = ANY (TG_ARGV[1:]);
  END IF;
  IF was IS NOT DISTINCT FROM becomes AND TG_OP = 'UPDATE' THEN RETURN NULL; END IF;
  INSERT INTO ${CHANGES} (relation, kind, before, after)
  VALUES (TG_ARGV[0], left(TG_OP, 1)::"char", was, becomes) RETURNING id INTO number;
  IF number % ${SOURCES.prunedEvery} = 0 THEN PERFORM ${SCHEMA}.prune_changes(); END IF;${notify ? `\n  PERFORM pg_notify('${CHANNEL}', TG_ARGV[0]);` : ''}
  RETURN NULL;
END $$;

${tables.map(triggers).join('\n')}
REVOKE ALL ON FUNCTION ${SCHEMA}.prune_changes(interval, integer), ${SCHEMA}.record_change() FROM PUBLIC;
GRANT USAGE ON SCHEMA ${SCHEMA} TO ${id(reader)};
GRANT SELECT ON ${CHANGES}, ${PRUNED} TO ${id(reader)};
COMMIT;
`;
}

/** `ENABLE ALWAYS`: rows that a subscription of logical replication applies are told too. */
function triggers({ schema, name, columns }: LoggedTable): string {
  const table = `${id(schema)}.${id(name)}`;
  const call = `EXECUTE FUNCTION ${SCHEMA}.record_change(${[`${schema}.${name}`, ...columns].map(text).join(', ')})`;
  return `${dropTriggers({ schema, name })}
CREATE TRIGGER ${TRIGGER} AFTER INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW ${call};
CREATE TRIGGER ${TRIGGER}_truncate AFTER TRUNCATE ON ${table} FOR EACH STATEMENT ${call};
ALTER TABLE ${table} ENABLE ALWAYS TRIGGER ${TRIGGER}, ENABLE ALWAYS TRIGGER ${TRIGGER}_truncate;
`;
}

function dropTriggers({ schema, name }: Pick<LoggedTable, 'schema' | 'name'>): string {
  const table = `${id(schema)}.${id(name)}`;
  return `DROP TRIGGER IF EXISTS ${TRIGGER} ON ${table};
DROP TRIGGER IF EXISTS ${TRIGGER}_truncate ON ${table};`;
}

/** SQL that takes it all away again. */
export const removeChangeLogSql = (tables: readonly Pick<LoggedTable, 'schema' | 'name'>[]): string =>
  `BEGIN;\n${tables.map((table) => `${dropTriggers(table)}\n`).join('')}DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE;\nCOMMIT;\n`;
