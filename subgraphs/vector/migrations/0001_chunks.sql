-- A tenant's collection: what its vectors were made with, and how often it has changed. Every write takes the next
-- revision first and holds the row until it commits, so that revisions commit in their order: who has read up to a
-- revision has seen everything up to it.
CREATE TABLE collections (
  tenant_id text NOT NULL,
  name text NOT NULL,
  model text NOT NULL,
  dimensions integer NOT NULL CHECK (dimensions > 0),
  revision bigint NOT NULL,
  -- Deletions up to this revision are forgotten: a cache that is older loads everything again.
  tombstones_from bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, name)
);

-- The tenant as a word of the full-text index, so that the index intersects it with the words searched for. The parser
-- never produces a control character, so no text or query can contain this word.
CREATE FUNCTION tenant_word(tenant text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN chr(1) || tenant;

CREATE TABLE chunks (
  tenant_id text NOT NULL,
  collection text NOT NULL,
  chunk_id text NOT NULL,
  document_id text NOT NULL,
  -- A short name for the row, never used again: what caches and deletions speak of.
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  -- The collection's revision when text, vector or document were last written.
  revision bigint NOT NULL,
  title text NOT NULL,
  text text NOT NULL,
  source text NOT NULL,
  media_type text NOT NULL,
  metadata jsonb NOT NULL,
  content_hash text NOT NULL,
  dimensions integer NOT NULL,
  -- L2-normalised.
  embedding real[] NOT NULL CHECK (cardinality(embedding) = dimensions),
  -- English: the stemmer finds "retries" for "retry" and stop words do not stand in the way of questions. Words of
  -- other languages and identifiers are found too, as they are written.
  terms tsvector NOT NULL GENERATED ALWAYS AS (
    setweight(to_tsvector('english', title), 'A') || to_tsvector('english', text) || array_to_tsvector(ARRAY[tenant_word(tenant_id)])
  ) STORED,
  PRIMARY KEY (tenant_id, collection, chunk_id)
);
CREATE UNIQUE INDEX chunks_by_revision ON chunks (tenant_id, collection, revision, ordinal);
CREATE INDEX chunks_by_document ON chunks (tenant_id, collection, document_id);
CREATE INDEX chunks_terms ON chunks USING gin (terms);

-- What was deleted, for caches that refresh instead of loading everything again.
CREATE TABLE tombstones (
  tenant_id text NOT NULL,
  collection text NOT NULL,
  revision bigint NOT NULL,
  ordinal bigint NOT NULL,
  PRIMARY KEY (tenant_id, collection, revision, ordinal)
);

ALTER TABLE collections ENABLE ROW LEVEL SECURITY;
ALTER TABLE collections FORCE ROW LEVEL SECURITY;
ALTER TABLE chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE chunks FORCE ROW LEVEL SECURITY;
ALTER TABLE tombstones ENABLE ROW LEVEL SECURITY;
ALTER TABLE tombstones FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON collections TO tributary_tenant
  USING (tenant_id = current_setting('app.tenant_id')) WITH CHECK (tenant_id = current_setting('app.tenant_id'));
CREATE POLICY tenant ON chunks TO tributary_tenant
  USING (tenant_id = current_setting('app.tenant_id')) WITH CHECK (tenant_id = current_setting('app.tenant_id'));
CREATE POLICY tenant ON tombstones TO tributary_tenant
  USING (tenant_id = current_setting('app.tenant_id')) WITH CHECK (tenant_id = current_setting('app.tenant_id'));

GRANT SELECT, INSERT, UPDATE ON collections TO tributary_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON chunks TO tributary_tenant;
GRANT SELECT, INSERT, DELETE ON tombstones TO tributary_tenant;

-- True where every condition holds: `[{"path": ["a", "b"], "any": ["x", 1]}]`. Containment, so that a list matches by
-- any of its elements.
CREATE FUNCTION metadata_matches(metadata jsonb, conditions jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN NOT EXISTS (
    SELECT 1 FROM jsonb_array_elements(conditions) AS c(condition)
    WHERE NOT EXISTS (
      SELECT 1 FROM jsonb_array_elements(c.condition -> 'any') AS v(value)
      WHERE metadata #> ARRAY(SELECT jsonb_array_elements_text(c.condition -> 'path')) @> v.value
    )
  );

-- The keyword search of one tenant. Row-level security lets an index serve only conditions whose functions are leakproof,
-- which `@@` is not: under the tenant's role the full-text index would never be used. So this function runs as a role
-- that sees all rows, names the tenant itself from the same setting as the policies, and returns ids and scores alone.
CREATE FUNCTION keyword_search(collection_name text, query text, filter jsonb, take integer)
RETURNS TABLE (chunk_id text, document_id text, score real)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = vector, pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
  tenant text := current_setting('app.tenant_id');
  wanted tsquery := websearch_to_tsquery('english', query);
  document_ids text[] := CASE WHEN filter ? 'documentIds' THEN ARRAY(SELECT jsonb_array_elements_text(filter -> 'documentIds')) END;
  media_types text[] := CASE WHEN filter ? 'mediaTypes' THEN ARRAY(SELECT jsonb_array_elements_text(filter -> 'mediaTypes')) END;
  sources text[] := CASE WHEN filter ? 'sources' THEN ARRAY(SELECT jsonb_array_elements_text(filter -> 'sources')) END;
  prefix text := filter ->> 'sourcePrefix';
  conditions jsonb := filter -> 'metadata';
BEGIN
  IF numnode(wanted) = 0 THEN
    RETURN; -- Nothing but stop words.
  END IF;
  RETURN QUERY
    -- Cover density (proximity counts), divided by 1 + log(length), scaled to 0..1.
    SELECT c.chunk_id, c.document_id, ts_rank_cd(c.terms, wanted, 1 | 32)
    FROM chunks c
    WHERE c.tenant_id = tenant
      AND c.collection = collection_name
      AND c.terms @@ (quote_literal(tenant_word(tenant))::tsquery && wanted)
      AND (document_ids IS NULL OR c.document_id = ANY (document_ids))
      AND (media_types IS NULL OR c.media_type = ANY (media_types))
      AND (sources IS NULL OR c.source = ANY (sources))
      AND (prefix IS NULL OR starts_with(c.source, prefix))
      AND (conditions IS NULL OR metadata_matches(c.metadata, conditions))
    ORDER BY 3 DESC, c.chunk_id COLLATE "C"
    LIMIT take;
END
$$;

GRANT SELECT ON chunks TO tributary_system;
CREATE POLICY keyword_search ON chunks FOR SELECT TO tributary_system USING (true);
GRANT CREATE ON SCHEMA vector TO tributary_system;
ALTER FUNCTION keyword_search(text, text, jsonb, integer) OWNER TO tributary_system;
REVOKE CREATE ON SCHEMA vector FROM tributary_system;
REVOKE ALL ON FUNCTION keyword_search(text, text, jsonb, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keyword_search(text, text, jsonb, integer) TO tributary_tenant;
