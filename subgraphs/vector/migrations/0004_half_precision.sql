-- An index of half precision takes half the space and up to 4,000 dimensions. The expression must be written as queries
-- write it, so both kinds can stand side by side.
CREATE FUNCTION ensure_ann_index(wanted integer, half boolean) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  home text := vector.ensure_vector_extension();
  type text := CASE WHEN half THEN 'halfvec' ELSE 'vector' END;
BEGIN
  EXECUTE format(
    'CREATE INDEX IF NOT EXISTS %4$s_%1$s ON vector.chunks USING hnsw ((embedding::%2$I.%3$I(%1$s)) %2$I.%3$s_cosine_ops) WHERE dimensions = %1$s',
    wanted, home, type, CASE WHEN half THEN 'chunks_ann_half' ELSE 'chunks_ann' END);
END
$$;
REVOKE ALL ON FUNCTION ensure_ann_index(integer, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_ann_index(integer, boolean) TO tributary_system;

-- No plan depends on how these columns' values are spread, and looking at them is most of what ANALYZE would do.
ALTER TABLE chunks ALTER COLUMN embedding SET STATISTICS 0, ALTER COLUMN text SET STATISTICS 0, ALTER COLUMN title SET STATISTICS 0;
