-- Erasing a tenant: the system removes its rows, and those of its projects, in a transaction that names it
-- (`app.erased_tenant`). Tables of tenants that come later need the same; a test looks.
DO $$
DECLARE
  name text;
BEGIN
  FOR name IN
    SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'graph'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
  LOOP
    EXECUTE format('CREATE POLICY erasure ON graph.%I TO tributary_system USING (tenant_id = current_setting(''app.erased_tenant'', true)'
                   ' OR starts_with(tenant_id, nullif(current_setting(''app.erased_tenant'', true), '''') || ''.'')) WITH CHECK (false)', name);
    EXECUTE format('GRANT SELECT (tenant_id, tableoid, ctid), DELETE ON graph.%I TO tributary_system', name);
  END LOOP;
END $$;
