-- What the tenants' roles may not do and pgvector needs: the extension and its indexes. They run as the owner of the
-- tables, take no text, and only the gateway itself may call them.

-- Creates the extension where it is missing. Returns the schema that it is in.
CREATE FUNCTION ensure_vector_extension() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;
  RETURN (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector');
END
$$;

-- Creates the HNSW index over the vectors of one number of dimensions, all tenants together. The column stays `real[]`,
-- so that exact ranking reads the same rows; the index is over the cast.
CREATE FUNCTION ensure_ann_index(wanted integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  home text := vector.ensure_vector_extension();
BEGIN
  EXECUTE format(
    'CREATE INDEX IF NOT EXISTS chunks_ann_%1$s ON vector.chunks USING hnsw ((embedding::%2$I.vector(%1$s)) %2$I.vector_cosine_ops) WHERE dimensions = %1$s',
    wanted, home);
END
$$;

REVOKE ALL ON FUNCTION ensure_vector_extension(), ensure_ann_index(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_vector_extension(), ensure_ann_index(integer) TO tributary_system;
