-- What a project, or the tenant itself, lets other projects of its tenant read. `tenant_id` is whose it is, as everywhere. A share goes with what is
-- shared, and who may read by it is decided here: statements of a project ask the functions below beside its own rows. Nobody else does, so that the
-- policies of those tables, and their plans, stay what they are.
CREATE TABLE shares (
  tenant_id    text NOT NULL DEFAULT current_setting('app.tenant_id'),
  id           text COLLATE "C" NOT NULL,
  tenant       text COLLATE "C" NOT NULL GENERATED ALWAYS AS (split_part(tenant_id, '.', 1)) STORED,
  -- Null for what is of no project.
  from_project text COLLATE "C" GENERATED ALWAYS AS (NULLIF(split_part(tenant_id, '.', 2), '')) STORED,
  document_id  text COLLATE "C",
  agent_id     text COLLATE "C",
  -- Null for every project.
  to_project   text COLLATE "C",
  created_by   text COLLATE "C" NOT NULL,
  created_at   timestamptz(3) NOT NULL DEFAULT now(),
  expires_at   timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, document_id) REFERENCES documents ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, agent_id) REFERENCES agents ON DELETE CASCADE,
  CHECK (num_nonnulls(document_id, agent_id) = 1)
);
CREATE INDEX ON shares (tenant, created_at, id);
CREATE INDEX ON shares (tenant_id, document_id);
CREATE INDEX ON shares (tenant_id, agent_id);
CREATE INDEX ON shares (document_id) WHERE document_id IS NOT NULL;
CREATE INDEX ON shares (agent_id) WHERE agent_id IS NOT NULL;

-- Whether the caller's project may read by it: one of the same tenant, and named, or every one is.
CREATE FUNCTION is_received(share shares) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
  RETURN share.tenant = split_part(current_setting('app.tenant_id'), '.', 1)
     AND share.tenant_id <> current_setting('app.tenant_id')
     AND split_part(current_setting('app.tenant_id'), '.', 2) <> ''
     AND COALESCE(share.to_project = split_part(current_setting('app.tenant_id'), '.', 2), true)
     AND (share.expires_at IS NULL OR share.expires_at > now());

ALTER TABLE shares ENABLE ROW LEVEL SECURITY;
ALTER TABLE shares FORCE ROW LEVEL SECURITY;
CREATE POLICY seen ON shares FOR SELECT TO tributary_tenant
  USING (tenant = split_part(current_setting('app.tenant_id'), '.', 1) AND (tenant_id = current_setting('app.tenant_id') OR is_received(shares)));
CREATE POLICY given ON shares FOR INSERT TO tributary_tenant WITH CHECK (tenant_id = current_setting('app.tenant_id'));
CREATE POLICY renewed ON shares FOR UPDATE TO tributary_tenant
  USING (tenant_id = current_setting('app.tenant_id')) WITH CHECK (tenant_id = current_setting('app.tenant_id'));
CREATE POLICY revoked ON shares FOR DELETE TO tributary_tenant USING (tenant_id = current_setting('app.tenant_id'));
GRANT SELECT, DELETE ON shares TO tributary_tenant;
GRANT INSERT (id, document_id, agent_id, to_project, created_by, expires_at) ON shares TO tributary_tenant;
GRANT UPDATE (created_by, created_at, expires_at) ON shares TO tributary_tenant;

-- What follows runs as a role that sees all rows, takes the caller from the same setting as the policies, and returns what was shared with him alone.
CREATE POLICY shared ON shares FOR SELECT TO tributary_system USING (true);
CREATE POLICY shared ON agents FOR SELECT TO tributary_system USING (true);
CREATE POLICY shared ON agent_versions FOR SELECT TO tributary_system USING (true);
GRANT SELECT ON shares, agents, agent_versions TO tributary_system;

CREATE FUNCTION shared_documents(ids text[]) RETURNS SETOF documents LANGUAGE sql STABLE SECURITY DEFINER SET search_path = relational, pg_catalog, pg_temp AS $$
  SELECT d.* FROM documents AS d WHERE d.id = ANY (ids)
    AND EXISTS (SELECT FROM shares AS s WHERE s.tenant_id = d.tenant_id AND s.document_id = d.id AND is_received(s))
$$;
CREATE FUNCTION shared_contents(ids text[]) RETURNS SETOF document_contents LANGUAGE sql STABLE SECURITY DEFINER SET search_path = relational, pg_catalog, pg_temp AS $$
  SELECT c.* FROM document_contents AS c WHERE c.document_id = ANY (ids)
    AND EXISTS (SELECT FROM shares AS s WHERE s.tenant_id = c.tenant_id AND s.document_id = c.document_id AND is_received(s))
$$;
CREATE FUNCTION shared_chunks(ids text[]) RETURNS SETOF chunks LANGUAGE sql STABLE SECURITY DEFINER SET search_path = relational, pg_catalog, pg_temp AS $$
  SELECT c.* FROM chunks AS c WHERE c.id = ANY (ids)
    AND EXISTS (SELECT FROM shares AS s WHERE s.tenant_id = c.tenant_id AND s.document_id = c.document_id AND is_received(s))
$$;
CREATE FUNCTION shared_chunks_of(documents text[], behind integer, take integer) RETURNS SETOF chunks LANGUAGE sql STABLE SECURITY DEFINER SET search_path = relational, pg_catalog, pg_temp AS $$
  SELECT c.* FROM (SELECT DISTINCT s.tenant_id, s.document_id FROM shares AS s WHERE s.document_id = ANY (documents) AND is_received(s)) AS parent
  CROSS JOIN LATERAL (
    SELECT k.* FROM chunks AS k WHERE k.tenant_id = parent.tenant_id AND k.document_id = parent.document_id AND k.index > behind ORDER BY k.index LIMIT take
  ) AS c
$$;
CREATE FUNCTION shared_agents(ids text[]) RETURNS SETOF agents LANGUAGE sql STABLE SECURITY DEFINER SET search_path = relational, pg_catalog, pg_temp AS $$
  SELECT a.* FROM agents AS a WHERE a.id = ANY (ids)
    AND EXISTS (SELECT FROM shares AS s WHERE s.tenant_id = a.tenant_id AND s.agent_id = a.id AND is_received(s))
$$;
CREATE FUNCTION shared_agent_versions(ids text[]) RETURNS SETOF agent_versions LANGUAGE sql STABLE SECURITY DEFINER SET search_path = relational, pg_catalog, pg_temp AS $$
  SELECT v.* FROM agent_versions AS v WHERE v.id = ANY (ids)
    AND EXISTS (SELECT FROM shares AS s WHERE s.tenant_id = v.tenant_id AND s.agent_id = v.agent_id AND is_received(s))
$$;
CREATE FUNCTION shared_versions_of(agents text[], before integer, take integer) RETURNS SETOF agent_versions LANGUAGE sql STABLE SECURITY DEFINER SET search_path = relational, pg_catalog, pg_temp AS $$
  SELECT v.* FROM (SELECT DISTINCT s.tenant_id, s.agent_id FROM shares AS s WHERE s.agent_id = ANY (agents) AND is_received(s)) AS parent
  CROSS JOIN LATERAL (
    SELECT k.* FROM agent_versions AS k WHERE k.tenant_id = parent.tenant_id AND k.agent_id = parent.agent_id AND (before IS NULL OR k.number < before)
     ORDER BY k.number DESC LIMIT take
  ) AS v
$$;
-- Whose the objects are that shared documents keep under these keys.
CREATE FUNCTION shared_objects(keys text[]) RETURNS TABLE (tenant_id text, object_key text) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = relational, pg_catalog, pg_temp AS $$
  SELECT d.tenant_id, d.object_key FROM shares AS s JOIN documents AS d ON d.tenant_id = s.tenant_id AND d.id = s.document_id
   WHERE s.tenant = split_part(current_setting('app.tenant_id'), '.', 1) AND is_received(s) AND d.object_key = ANY (keys)
$$;

DO $$
DECLARE
  called text;
BEGIN
  GRANT CREATE ON SCHEMA relational TO tributary_system;
  FOREACH called IN ARRAY ARRAY['shared_documents(text[])', 'shared_contents(text[])', 'shared_chunks(text[])', 'shared_chunks_of(text[], integer, integer)',
                                'shared_agents(text[])', 'shared_agent_versions(text[])', 'shared_versions_of(text[], integer, integer)', 'shared_objects(text[])']
  LOOP
    EXECUTE format('ALTER FUNCTION relational.%s OWNER TO tributary_system', called);
    EXECUTE format('REVOKE ALL ON FUNCTION relational.%s FROM PUBLIC', called);
    EXECUTE format('GRANT EXECUTE ON FUNCTION relational.%s TO tributary_tenant', called);
  END LOOP;
  REVOKE CREATE ON SCHEMA relational FROM tributary_system;
END $$;
