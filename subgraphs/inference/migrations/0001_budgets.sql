-- What a tenant and each of its callers have spent on models today, with what is reserved for calls under way.
CREATE TABLE budget_days (
  tenant_id text NOT NULL DEFAULT current_setting('app.tenant_id'),
  -- In UTC.
  day       date NOT NULL,
  -- Empty for the tenant as a whole.
  subject   text COLLATE "C" NOT NULL,
  tokens    bigint NOT NULL,
  money     double precision NOT NULL,
  PRIMARY KEY (tenant_id, day, subject)
);

ALTER TABLE budget_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE budget_days FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON budget_days TO tributary_tenant USING (tenant_id = current_setting('app.tenant_id'))
  WITH CHECK (tenant_id = current_setting('app.tenant_id'));
GRANT SELECT, INSERT, UPDATE, DELETE ON budget_days TO tributary_tenant;
