-- How each document was cut: the version of the cutting and the limit that it was cut for. Empty for those that were written before this
-- was kept. The index finds what was cut otherwise than today, across tenants, without looking at the rest.
ALTER TABLE documents ADD COLUMN cutting text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX ON documents (cutting, tenant_id COLLATE "C", id);
