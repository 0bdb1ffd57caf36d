-- Whose bytes an object is: of the documents and the artifacts that name it. Keys sort by code point, as in the object store.
ALTER TABLE documents ALTER COLUMN object_key TYPE text COLLATE "C";
ALTER TABLE artifacts ALTER COLUMN file_key TYPE text COLLATE "C";
CREATE INDEX ON documents (tenant_id, object_key, created_at, id);
CREATE INDEX ON artifacts (tenant_id, file_key, created_at, id);
