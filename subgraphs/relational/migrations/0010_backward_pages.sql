-- Pages of what was shared, read from the end: the last chunks of documents, the first versions of agents.
CREATE FUNCTION shared_chunks_before(documents text[], before integer, take integer) RETURNS SETOF chunks LANGUAGE sql STABLE SECURITY DEFINER SET search_path = relational, pg_catalog, pg_temp AS $$
  SELECT c.* FROM (SELECT DISTINCT s.tenant_id, s.document_id FROM shares AS s WHERE s.document_id = ANY (documents) AND is_received(s)) AS parent
  CROSS JOIN LATERAL (
    SELECT k.* FROM chunks AS k WHERE k.tenant_id = parent.tenant_id AND k.document_id = parent.document_id AND (before IS NULL OR k.index < before)
     ORDER BY k.index DESC LIMIT take
  ) AS c
$$;
CREATE FUNCTION shared_versions_behind(agents text[], behind integer, take integer) RETURNS SETOF agent_versions LANGUAGE sql STABLE SECURITY DEFINER SET search_path = relational, pg_catalog, pg_temp AS $$
  SELECT v.* FROM (SELECT DISTINCT s.tenant_id, s.agent_id FROM shares AS s WHERE s.agent_id = ANY (agents) AND is_received(s)) AS parent
  CROSS JOIN LATERAL (
    SELECT k.* FROM agent_versions AS k WHERE k.tenant_id = parent.tenant_id AND k.agent_id = parent.agent_id AND (behind IS NULL OR k.number > behind)
     ORDER BY k.number LIMIT take
  ) AS v
$$;

DO $$
DECLARE
  called text;
BEGIN
  GRANT CREATE ON SCHEMA relational TO tributary_system;
  FOREACH called IN ARRAY ARRAY['shared_chunks_before(text[], integer, integer)', 'shared_versions_behind(text[], integer, integer)']
  LOOP
    EXECUTE format('ALTER FUNCTION relational.%s OWNER TO tributary_system', called);
    EXECUTE format('REVOKE ALL ON FUNCTION relational.%s FROM PUBLIC', called);
    EXECUTE format('GRANT EXECUTE ON FUNCTION relational.%s TO tributary_tenant', called);
  END LOOP;
  REVOKE CREATE ON SCHEMA relational FROM tributary_system;
END $$;
