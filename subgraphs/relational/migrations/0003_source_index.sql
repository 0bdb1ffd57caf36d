-- A document's id derives from its source, so the primary key alone keeps sources unique. A second unique index cannot be an
-- upsert's arbiter beside it: of two writers of a new document at once, one failed on it now and then.
ALTER TABLE documents DROP CONSTRAINT documents_tenant_id_source_key;
CREATE INDEX ON documents (tenant_id, source, id);
