-- Remembered facts are found by meaning: the vector store follows them as it follows documents, by entries of the outbox whose `document_id` is a
-- fact's. The system reads what it delivers.
CREATE POLICY deliver ON memory_facts FOR SELECT TO tributary_system USING (true);
GRANT SELECT ON memory_facts TO tributary_system;

-- What was remembered before is delivered too. The owner is held to the policies otherwise, and would see nothing.
ALTER TABLE memory_facts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE outbox NO FORCE ROW LEVEL SECURITY;
INSERT INTO outbox (tenant_id, id, document_id, store, operation, revision)
SELECT tenant_id, 'obx_' || left(encode(sha256(convert_to('VECTOR:' || id, 'UTF8')), 'hex'), 27), id, 'VECTOR', 'UPSERT', nextval('outbox_revision')
FROM memory_facts;
ALTER TABLE memory_facts FORCE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
