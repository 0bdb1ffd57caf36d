-- Every write leaves an entry in the audit log, so it names every tenant that ever wrote, also one that has removed everything.
-- The system reads the tenants from it and nothing else.
CREATE POLICY reconcile ON audit_entries FOR SELECT TO tributary_system USING (true);
GRANT SELECT (tenant_id) ON audit_entries TO tributary_system;
