-- Keyword search ranks by BM25 over terms that the gateway makes of texts itself (../keywords/terms.ts), so that identifiers,
-- paths and scripts without spaces are found, and every store takes the same for words. Rows of before have none yet: the gateway
-- goes through them in the background, in pieces, and goes on where it was when it starts anew.
DROP FUNCTION keyword_search(text, text, jsonb, integer);
ALTER TABLE chunks DROP COLUMN terms;
ALTER TABLE chunks
  -- With the tenant as a word, as `terms` had. NULL until the text has been gone through.
  ADD COLUMN keywords tsvector,
  -- How many words the title, twice, and the text have.
  ADD COLUMN words integer,
  ADD COLUMN keywords_version smallint NOT NULL DEFAULT 0;
ALTER TABLE chunks ALTER COLUMN keywords SET STATISTICS 0;
CREATE INDEX chunks_keywords ON chunks USING gin (keywords);
-- Empty but for a moment after an upgrade. A later version of the terms makes it anew with its own number.
CREATE INDEX chunks_without_keywords ON chunks (tenant_id, collection, ordinal) WHERE keywords_version < 1;

-- What BM25 has to know of all of a tenant's chunks together. Kept with every write, which holds the row anyway; how many chunks
-- have a word is counted by the search that asks.
ALTER TABLE collections
  ADD COLUMN chunks bigint NOT NULL DEFAULT 0,
  ADD COLUMN words bigint NOT NULL DEFAULT 0;

-- How often a word stands in a text. `ts_rank` of one word, all weights alike, is the sum of 1/1² + 1/2² + … + 1/n² over its limit,
-- π²/6; the rest of that sum is 1/(n + ½), near enough for the next whole number to be n.
CREATE FUNCTION term_frequency(rank real) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN round(1 / (1.6449340668 * greatest(1 - rank::double precision, 0.002)) - 0.5);

-- The keyword search of one tenant. Row-level security lets an index serve only conditions whose functions are leakproof,
-- which `@@` is not: under the tenant's role the full-text index would never be used. So this function runs as a role
-- that sees all rows, names the tenant itself from the same setting as the policies, and returns ids and scores alone.
--
-- `wanted`: `terms`, each with `query` (of one term, as text of a tsquery) and `weight`; `prefix`, as one of them, which counts where no
-- chunk has `last`; `all` and `none`, tsqueries of what must and must not be there; `k1` and `b`; `most`, how many chunks are scored.
-- Of more that match, those count that have the rarer words: how many have the others is estimated then, and the answer is
-- approximate. How rare a word is, is counted without the filter where it can be.
CREATE FUNCTION keyword_search(collection_name text, wanted jsonb, filter jsonb, take integer)
RETURNS TABLE (chunk_id text, document_id text, score double precision, approximate boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = vector, pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
  tenant text := current_setting('app.tenant_id');
  own text := quote_literal(tenant_word(tenant));
  most integer := (wanted ->> 'most')::integer;
  k1 text := (wanted ->> 'k1')::float8::text;
  b text := (wanted ->> 'b')::float8::text;
  terms jsonb := wanted -> 'terms';
  term jsonb;
  total bigint;
  average text;
  known text := format('c.tenant_id = %L AND c.collection = %L', tenant, collection_name);
  kept text := 'true';
  any_term text;
  every_term text;
  ranks text;
  counts text;
  weights text;
  scores text;
  estimated bigint[];
  seen bigint;
  last_block bigint;
  blocks bigint;
  candidates text;
  narrow text;
  matched bigint;
  stale boolean;
BEGIN
  SELECT s.chunks, (s.words::float8 / greatest(s.chunks, 1))::text INTO total, average
  FROM collections s WHERE s.tenant_id = tenant AND s.name = collection_name;
  IF total IS NULL OR jsonb_array_length(terms) = 0 THEN RETURN; END IF;
  stale := EXISTS (SELECT 1 FROM chunks c WHERE c.tenant_id = tenant AND c.collection = collection_name AND c.keywords_version < 1);

  IF wanted ? 'prefix' AND NOT EXISTS (
    SELECT 1 FROM chunks c WHERE c.tenant_id = tenant AND c.collection = collection_name AND c.keywords @@ (own || ' & ' || (wanted ->> 'last'))::tsquery)
  THEN terms := terms || jsonb_build_array(wanted -> 'prefix'); END IF;

  IF filter ? 'documentIds' THEN kept := kept || format(' AND c.document_id = ANY (%L::text[])', ARRAY(SELECT jsonb_array_elements_text(filter -> 'documentIds'))); END IF;
  IF filter ? 'mediaTypes' THEN kept := kept || format(' AND c.media_type = ANY (%L::text[])', ARRAY(SELECT jsonb_array_elements_text(filter -> 'mediaTypes'))); END IF;
  IF filter ? 'collections' THEN kept := kept || format(' AND c.document_collection = ANY (%L::text[])', ARRAY(SELECT jsonb_array_elements_text(filter -> 'collections'))); END IF;
  IF filter ? 'sources' THEN kept := kept || format(' AND c.source = ANY (%L::text[])', ARRAY(SELECT jsonb_array_elements_text(filter -> 'sources'))); END IF;
  IF filter ? 'sourcePrefix' THEN kept := kept || format(' AND starts_with(c.source, %L)', filter ->> 'sourcePrefix'); END IF;
  IF filter ? 'metadata' THEN kept := kept || format(' AND metadata_matches(c.metadata, %L::jsonb)', filter -> 'metadata'); END IF;
  IF wanted ? 'all' THEN kept := kept || format(' AND c.keywords @@ %L::tsquery', wanted ->> 'all'); END IF;
  IF wanted ? 'none' THEN kept := kept || format(' AND NOT c.keywords @@ %L::tsquery', wanted ->> 'none'); END IF;

  SELECT string_agg(t ->> 'query', ' | '), string_agg(t ->> 'query', ' & '),
         string_agg(format('ts_rank(''{1,1,1,1}'', c.keywords, %L::tsquery, 0) AS r%s', t ->> 'query', i), ', '),
         string_agg(format('CASE WHEN r%1$s > 0 THEN w%1$s / (1e0 + norm / term_frequency(r%1$s)) ELSE 0e0 END', i), ' + ')
  INTO any_term, every_term, ranks, scores
  FROM jsonb_array_elements(terms) WITH ORDINALITY AS each(t, i);
  candidates := format('%s AND c.keywords @@ %L::tsquery', known, own || ' & (' || any_term || ')');

  IF total > most THEN
    EXECUTE format('SELECT count(*) FROM (SELECT 1 FROM chunks c WHERE %s LIMIT %s) counted', candidates, most + 1) INTO matched;
  END IF;
  IF matched > most THEN
    -- Rows come in the order in which they lie, so that the last one tells how much of the table was gone through.
    SELECT greatest(pg_relation_size('vector.chunks') / current_setting('block_size')::bigint, 1) INTO blocks;
    FOR term IN SELECT * FROM jsonb_array_elements(terms) LOOP
      EXECUTE format(
        'SELECT count(*), coalesce(max((c.ctid::text::point)[0]), 0)::bigint FROM (SELECT c.ctid FROM chunks c WHERE %s AND c.keywords @@ %L::tsquery LIMIT %s) c',
        known, own || ' & ' || (term ->> 'query'), most / 8) INTO seen, last_block;
      estimated := estimated || CASE WHEN seen < most / 8 THEN seen ELSE least(total, seen * blocks / greatest(last_block, 1)) END;
    END LOOP;
    SELECT string_agg(t ->> 'query', ' | ') INTO narrow
    FROM (SELECT t, sum(estimated[i]) OVER (ORDER BY estimated[i], i) AS up_to FROM jsonb_array_elements(terms) WITH ORDINALITY AS each(t, i)) rare
    WHERE up_to <= most;
    -- Then of what has any word, so many as are asked for.
    candidates := format('SELECT c.ctid FROM chunks c WHERE %s AND %s AND c.keywords @@ ', known, kept);
    candidates := format('c.ctid = ANY (ARRAY(%s LIMIT %s) || ARRAY(%s LIMIT %s))',
      candidates || quote_literal(own || ' & (' || coalesce(narrow, every_term) || ')') || '::tsquery', most,
      candidates || quote_literal(own || ' & (' || any_term || ')') || '::tsquery', take);
    kept := 'true';
    stale := true;
  END IF;
  SELECT string_agg(format('%s::float8 AS n%s', coalesce(estimated[i]::text, format('count(*) FILTER (WHERE r%s > 0)', i)), i), ', '),
         string_agg(format('%1$s::float8 * (%2$s + 1) * ln(1e0 + (greatest(%3$s - n%4$s, 0) + 0.5e0) / (n%4$s + 0.5e0)) AS w%4$s', (t ->> 'weight')::float8, k1, total, i), ', ')
  INTO counts, weights FROM jsonb_array_elements(terms) WITH ORDINALITY AS each(t, i);

  RETURN QUERY EXECUTE format(
    'WITH matched AS MATERIALIZED (
       SELECT c.chunk_id, c.document_id, %1$s::float8 * (1 - %2$s::float8 + %2$s::float8 * c.words / %3$s::float8) AS norm, %4$s AS takes_part, %5$s
       FROM chunks c WHERE %6$s LIMIT %7$s
     ), weights AS MATERIALIZED (SELECT %8$s FROM (SELECT count(*) AS matched, %9$s FROM matched) counts)
     SELECT m.chunk_id, m.document_id, %10$s, %11$L::boolean FROM matched m, weights WHERE m.takes_part
     ORDER BY 3 DESC, m.chunk_id COLLATE "C" LIMIT %12$s',
    k1, b, average, kept, ranks, candidates, most + take, weights, counts, scores, stale, take);
END
$$;

GRANT SELECT ON collections TO tributary_system;
CREATE POLICY keyword_search ON collections FOR SELECT TO tributary_system USING (true);
GRANT CREATE ON SCHEMA vector TO tributary_system;
ALTER FUNCTION keyword_search(text, jsonb, jsonb, integer) OWNER TO tributary_system;
REVOKE CREATE ON SCHEMA vector FROM tributary_system;
REVOKE ALL ON FUNCTION keyword_search(text, jsonb, jsonb, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keyword_search(text, jsonb, jsonb, integer) TO tributary_tenant;
