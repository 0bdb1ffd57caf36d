-- Filters of searches are the conditions that all lists have (../../shared/filters/condition.ts), with patterns in this database's
-- dialect. Where the gateway makes the statement they are SQL with parameters; keyword_search makes its own, so these two write such a
-- condition as SQL. Of what is given, nothing but quoted literals gets into it: columns, operators and the rest are theirs, and what
-- they do not know is an error. `tests/contract/search-filters.ts` holds them against what the gateway writes.

-- A test of one value, `target`: a column, or the text of an element of JSON.
CREATE FUNCTION value_test_sql(target text, test jsonb) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  like_text text := regexp_replace(test ->> 'text', '([\\%_])', '\\\1', 'g');
BEGIN
  CASE test ->> 'kind'
  WHEN 'compare' THEN
    IF test ->> 'operator' = '=' THEN RETURN format('%s = %L::text', target, test ->> 'value'); END IF;
    -- By code point.
    IF test ->> 'operator' IN ('<', '<=', '>', '>=') THEN
      RETURN format('%s COLLATE "C" %s %L::text', target, test ->> 'operator', test ->> 'value');
    END IF;
  WHEN 'in' THEN RETURN format('%s = ANY (%L::text[])', target, ARRAY(SELECT jsonb_array_elements_text(test -> 'values')));
  WHEN 'contains' THEN RETURN format('%s COLLATE "default" ILIKE %L', target, '%' || like_text || '%');
  WHEN 'startsWith' THEN RETURN format('starts_with(%s, %L)', target, test ->> 'text');
  WHEN 'endsWith' THEN RETURN format('%s LIKE %L', target, '%' || like_text);
  WHEN 'matches' THEN RETURN format('%s COLLATE "default" ~ %L', target, test ->> 'pattern');
  ELSE NULL;
  END CASE;
  RAISE EXCEPTION 'A condition asks for what is not known: %', left(test::text, 200);
END
$$;

-- A condition on the row `c`: true where it holds, false or null elsewhere.
CREATE FUNCTION condition_sql(condition jsonb, depth integer DEFAULT 0) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  kind text := condition ->> 'kind';
  test jsonb := condition -> 'test';
  target text;
  whole text := '';
  inner_sql text;
BEGIN
  IF depth > 50 THEN RAISE EXCEPTION 'A condition is nested too deeply.'; END IF;
  IF kind = 'and' OR kind = 'or' THEN
    SELECT string_agg(vector.condition_sql(part, depth + 1), CASE kind WHEN 'and' THEN ' AND ' ELSE ' OR ' END) INTO inner_sql
    FROM jsonb_array_elements(condition -> 'of') AS parts(part);
    RETURN '(' || coalesce(inner_sql, CASE kind WHEN 'and' THEN 'true' ELSE 'false' END) || ')';
  END IF;
  -- What is null is no match, so its opposite is one.
  IF kind = 'not' THEN RETURN format('((%s) IS NOT TRUE)', vector.condition_sql(condition -> 'of', depth + 1)); END IF;

  IF kind = 'json' THEN
    IF condition ->> 'column' IS DISTINCT FROM 'metadata' THEN RAISE EXCEPTION 'A condition names a column that is not known.'; END IF;
    target := format('(c.metadata #> %L::text[])', ARRAY(SELECT jsonb_array_elements_text(condition -> 'path')));
    IF test ->> 'kind' = 'exists' THEN RETURN format('(%s IS NOT NULL)', target); END IF;
    IF test ->> 'kind' = 'in' THEN
      inner_sql := format('element.value = ANY (%L::jsonb[])', ARRAY(SELECT jsonb_array_elements(test -> 'values')));
      whole := format('%s = ANY (%L::jsonb[]) OR ', target, ARRAY(SELECT jsonb_array_elements(test -> 'values')));
    ELSIF test ->> 'kind' = 'compare' AND jsonb_typeof(test -> 'value') = 'number' AND test ->> 'operator' IN ('<', '<=', '>', '>=') THEN
      inner_sql := format('jsonb_typeof(element.value) = ''number'' AND element.value %s %L::jsonb', test ->> 'operator', test -> 'value');
    ELSE
      inner_sql := 'jsonb_typeof(element.value) = ''string'' AND ' || vector.value_test_sql('(element.value #>> ''{}'')', test);
    END IF;
    -- A list matches where one of its elements does.
    RETURN format(
      '(%1$s IS NOT NULL AND (%2$sEXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(%1$s) WHEN ''array'' THEN %1$s ELSE jsonb_build_array(%1$s) END) AS element(value) WHERE %3$s)))',
      target, whole, inner_sql);
  END IF;

  target := CASE condition ->> 'column'
    WHEN 'documentId' THEN 'c.document_id' WHEN 'mediaType' THEN 'c.media_type'
    WHEN 'source' THEN 'c.source' WHEN 'collection' THEN 'c.document_collection' END;
  IF target IS NULL THEN RAISE EXCEPTION 'A condition names a column that is not known.'; END IF;
  IF kind = 'null' THEN RETURN format('(%s IS NULL)', target); END IF;
  RETURN '(' || vector.value_test_sql(target, condition) || ')';
END
$$;
REVOKE ALL ON FUNCTION value_test_sql(text, jsonb), condition_sql(jsonb, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION value_test_sql(text, jsonb), condition_sql(jsonb, integer) TO tributary_system;

-- As in 0006_keywords.sql, with those conditions.
CREATE OR REPLACE FUNCTION keyword_search(collection_name text, wanted jsonb, filter jsonb, take integer)
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

  IF filter <> '{}' THEN kept := condition_sql(filter); END IF;
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

DROP FUNCTION metadata_matches(jsonb, jsonb);
