-- Old runs' events go to the object store, whole runs at a time; the run's row stays and says where they are. Readers of
-- the tenant's log are told of the hole by the last position that was removed.

ALTER TABLE runs
  ADD COLUMN archived_at timestamptz(3),
  ADD COLUMN archive_key text,
  ADD CHECK ((archived_at IS NULL) = (archive_key IS NULL)),
  ADD CHECK (archived_at IS NULL OR (finished_at IS NOT NULL AND first_available = last_sequence + 1));
CREATE INDEX runs_kept ON runs (tenant_id, finished_at DESC, id DESC) WHERE finished_at IS NOT NULL AND archived_at IS NULL;

CREATE TABLE tenant_logs (
  tenant_id text PRIMARY KEY,
  -- The last position at which retention has removed an event.
  expired_transaction_id xid8 NOT NULL,
  expired_id bigint NOT NULL
);
ALTER TABLE tenant_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_logs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_logs TO tributary_tenant
  USING (tenant_id = current_setting('app.tenant_id')) WITH CHECK (tenant_id = current_setting('app.tenant_id'));
GRANT SELECT ON tenant_logs TO tributary_tenant;

-- The system finds what is due in all tenants, and removes what has been archived. It reads no payload, input or output.
CREATE POLICY retention ON runs TO tributary_system USING (true) WITH CHECK (true);
CREATE POLICY retention ON run_events TO tributary_system USING (true);
CREATE POLICY retention ON run_appends TO tributary_system USING (true);
CREATE POLICY retention ON tenant_logs TO tributary_system USING (true) WITH CHECK (true);
GRANT SELECT (tenant_id, id, status, last_sequence, first_available, finished_at, archived_at), UPDATE (first_available, archived_at, archive_key) ON runs TO tributary_system;
GRANT SELECT (tenant_id, run_id, transaction_id, id), DELETE ON run_events TO tributary_system;
GRANT SELECT (tenant_id, run_id), DELETE ON run_appends TO tributary_system;
GRANT SELECT, INSERT, UPDATE ON tenant_logs TO tributary_system;
