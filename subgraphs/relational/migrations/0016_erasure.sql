-- Audit entries stay as they were written, but for those of a tenant that is erased, by the system alone.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_user = 'tributary_system' AND coalesce(current_setting('app.erased_tenant', true), '') <> '' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'Audit entries cannot be changed or removed.' USING ERRCODE = 'insufficient_privilege';
END $$;
