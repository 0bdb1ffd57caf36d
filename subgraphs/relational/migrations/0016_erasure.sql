-- Erasing a tenant: the system removes its rows, and those of its projects, in a transaction that names it
-- (`app.erased_tenant`). Tables of tenants that come later need the same; a test looks.
DO $$
DECLARE
  name text;
BEGIN
  FOR name IN
    SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'relational'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
  LOOP
    EXECUTE format('CREATE POLICY erasure ON relational.%I TO tributary_system USING (tenant_id = current_setting(''app.erased_tenant'', true)'
                   ' OR starts_with(tenant_id, nullif(current_setting(''app.erased_tenant'', true), '''') || ''.'')) WITH CHECK (false)', name);
    EXECUTE format('GRANT SELECT (tenant_id, tableoid, ctid), DELETE ON relational.%I TO tributary_system', name);
  END LOOP;
END $$;

-- Audit entries stay as they were written, but for those of a tenant that is erased, by the system alone.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_user = 'tributary_system' AND coalesce(current_setting('app.erased_tenant', true), '') <> '' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'Audit entries cannot be changed or removed.' USING ERRCODE = 'insufficient_privilege';
END $$;
