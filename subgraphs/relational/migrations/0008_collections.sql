-- The collection that a document is in. Whoever names none, and everything before this, is in `default`.
ALTER TABLE documents ADD COLUMN collection text COLLATE "C" NOT NULL DEFAULT 'default' CHECK (collection <> '');
CREATE INDEX ON documents (tenant_id, collection, created_at, id);
