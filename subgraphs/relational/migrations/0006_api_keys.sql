-- API keys. A key is found by its prefix, across tenants, since it is what says of which tenant its holder is. The secret itself is
-- nowhere: `hash` is an HMAC of its digest with a pepper that is not in the database.
CREATE TABLE api_keys (
  tenant_id    text NOT NULL DEFAULT current_setting('app.tenant_id'),
  id           text COLLATE "C" NOT NULL,
  name         text COLLATE "C" NOT NULL,
  prefix       text COLLATE "C" NOT NULL UNIQUE,
  hash         bytea NOT NULL,
  scopes       jsonb NOT NULL,
  created_by   text COLLATE "C" NOT NULL,
  created_at   timestamptz(3) NOT NULL DEFAULT now(),
  expires_at   timestamptz(3) NOT NULL,
  revoked_at   timestamptz(3),
  last_used_at timestamptz(3),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON api_keys (tenant_id, name, id);
CREATE INDEX ON api_keys (tenant_id, created_at, id);
CREATE INDEX ON api_keys (tenant_id, expires_at, id);
CREATE INDEX ON api_keys (tenant_id, created_by);
CREATE INDEX ON api_keys (id);

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_keys TO tributary_tenant USING (tenant_id = current_setting('app.tenant_id'))
  WITH CHECK (tenant_id = current_setting('app.tenant_id'));
-- A tenant never reads a hash, and changes nothing of a key but that it is revoked.
GRANT SELECT (tenant_id, id, name, prefix, scopes, created_by, created_at, expires_at, revoked_at, last_used_at) ON api_keys TO tributary_tenant;
GRANT INSERT (id, name, prefix, hash, scopes, created_by, expires_at) ON api_keys TO tributary_tenant;
GRANT UPDATE (revoked_at) ON api_keys TO tributary_tenant;

-- The system makes and revokes none, and reads what it verifies by.
CREATE POLICY verify ON api_keys TO tributary_system USING (true) WITH CHECK (true);
GRANT SELECT (tenant_id, id, prefix, hash, scopes, expires_at, revoked_at, last_used_at) ON api_keys TO tributary_system;
GRANT UPDATE (last_used_at) ON api_keys TO tributary_system;
