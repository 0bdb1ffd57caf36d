-- Messages are found by meaning, where the operator wants that: the vector store follows them as it follows facts, by entries of the outbox whose
-- `document_id` is a message's. The system reads what it delivers, and whose it is.
CREATE POLICY deliver ON messages FOR SELECT TO tributary_system USING (true);
GRANT SELECT (tenant_id, id, user_id, content, created_at) ON messages TO tributary_system;
