-- The collection that a chunk's document is in; `collection` is the store's own, in which the vectors of one model are.
ALTER TABLE chunks ADD COLUMN document_collection text NOT NULL DEFAULT 'default';
CREATE INDEX chunks_by_document_collection ON chunks (tenant_id, collection, document_collection);

-- As in 0001_chunks.sql, with that condition.
CREATE OR REPLACE FUNCTION keyword_search(collection_name text, query text, filter jsonb, take integer)
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
  collections text[] := CASE WHEN filter ? 'collections' THEN ARRAY(SELECT jsonb_array_elements_text(filter -> 'collections')) END;
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
      AND (collections IS NULL OR c.document_collection = ANY (collections))
      AND (sources IS NULL OR c.source = ANY (sources))
      AND (prefix IS NULL OR starts_with(c.source, prefix))
      AND (conditions IS NULL OR metadata_matches(c.metadata, conditions))
    ORDER BY 3 DESC, c.chunk_id COLLATE "C"
    LIMIT take;
END
$$;
