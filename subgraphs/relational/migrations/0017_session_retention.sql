-- Retention looks across tenants for sessions that nobody has changed for long, and knows of them whose they are and when they changed; they are erased in
-- each tenant's own name.
CREATE INDEX ON sessions (updated_at, tenant_id, id);
CREATE POLICY expire ON sessions FOR SELECT TO tributary_system USING (true);
GRANT SELECT (tenant_id, id, updated_at) ON sessions TO tributary_system;

-- Erasing a tenant (0016_erasure.sql) takes the summaries too, whichever of the two came first.
DROP POLICY IF EXISTS erasure ON session_summaries;
CREATE POLICY erasure ON session_summaries TO tributary_system USING (tenant_id = current_setting('app.erased_tenant', true)
  OR starts_with(tenant_id, nullif(current_setting('app.erased_tenant', true), '') || '.')) WITH CHECK (false);
GRANT SELECT (tenant_id, tableoid, ctid), DELETE ON session_summaries TO tributary_system;
