-- All runs of a tenant on one cursor. Transactions do not commit in the order in which they begin or write, so no number
-- that is taken at insert time is safe to follow alone; the transaction's own id is, as far as every earlier transaction
-- has ended (pg_snapshot_xmin): nothing can appear below that any more.

ALTER TABLE run_events
  ADD COLUMN transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
  ADD COLUMN id bigint NOT NULL GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX run_events_tenant_log ON run_events (tenant_id, transaction_id, id);
