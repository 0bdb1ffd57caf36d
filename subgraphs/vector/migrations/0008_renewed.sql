-- Vectors of stored chunks by the model that is to come, until all of a tenant's collection are there and take the place of
-- those of the model before, in one transaction. Nobody searches them; whoever is stopped finds them here.
CREATE TABLE renewed (
  tenant_id text NOT NULL,
  collection text NOT NULL,
  chunk_id text NOT NULL,
  model text NOT NULL,
  dimensions integer NOT NULL,
  -- The chunk's hash when its text was read: of one that was written since, the vector is of another text.
  of_hash text NOT NULL,
  content_hash text NOT NULL,
  embedding real[] NOT NULL CHECK (cardinality(embedding) = dimensions),
  PRIMARY KEY (tenant_id, collection, chunk_id)
);

ALTER TABLE renewed ENABLE ROW LEVEL SECURITY;
ALTER TABLE renewed FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON renewed TO tributary_tenant
  USING (tenant_id = current_setting('app.tenant_id')) WITH CHECK (tenant_id = current_setting('app.tenant_id'));
GRANT SELECT, INSERT, UPDATE, DELETE ON renewed TO tributary_tenant;

-- How far it is, of all tenants, is for the gateway's own work to see.
GRANT SELECT ON renewed TO tributary_system;
CREATE POLICY renewal ON renewed FOR SELECT TO tributary_system USING (true);
