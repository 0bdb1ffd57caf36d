-- Secrets that an API key had before its present one: they hold until `expires_at`, and no longer than their key.
CREATE TABLE api_key_secrets (
  tenant_id    text NOT NULL DEFAULT current_setting('app.tenant_id'),
  key_id       text COLLATE "C" NOT NULL,
  prefix       text COLLATE "C" NOT NULL PRIMARY KEY,
  hash         bytea NOT NULL,
  replaced_at  timestamptz(3) NOT NULL DEFAULT now(),
  expires_at   timestamptz(3) NOT NULL,
  last_used_at timestamptz(3),
  FOREIGN KEY (tenant_id, key_id) REFERENCES api_keys (tenant_id, id)
);
CREATE INDEX ON api_key_secrets (tenant_id, key_id);

ALTER TABLE api_key_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_key_secrets TO tributary_tenant USING (tenant_id = current_setting('app.tenant_id'))
  WITH CHECK (tenant_id = current_setting('app.tenant_id'));
GRANT SELECT (tenant_id, key_id, prefix, replaced_at, expires_at, last_used_at) ON api_key_secrets TO tributary_tenant;
GRANT INSERT (tenant_id, key_id, prefix, hash, expires_at, last_used_at), UPDATE (expires_at), DELETE ON api_key_secrets TO tributary_tenant;
CREATE POLICY verify ON api_key_secrets TO tributary_system USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (last_used_at) ON api_key_secrets TO tributary_system;

-- A tenant gives its keys other secrets, and still never reads a hash: what was there before is put aside by this.
GRANT UPDATE (prefix, hash) ON api_keys TO tributary_tenant;
CREATE FUNCTION keep_replaced_secret() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO relational.api_key_secrets (tenant_id, key_id, prefix, hash, expires_at, last_used_at)
  VALUES (OLD.tenant_id, OLD.id, OLD.prefix, OLD.hash, OLD.expires_at, OLD.last_used_at);
  NEW.last_used_at := NULL;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_replaced_secret BEFORE UPDATE OF prefix, hash ON api_keys
  FOR EACH ROW WHEN (OLD.prefix <> NEW.prefix) EXECUTE FUNCTION keep_replaced_secret();
