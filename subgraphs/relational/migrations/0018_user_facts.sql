-- A remembered fact may be one user's, in an agent's memory or in the tenant's: whose it is, is said as of sessions (0015_sessions.sql). What is nobody's
-- alone is everybody's of the tenant, as all was before. A caller sees what has no user or his own subject, unless he was granted everybody's
-- (`app.every_memory`); and so he writes.
ALTER TABLE memory_facts ADD COLUMN user_id text COLLATE "C";
CREATE INDEX ON memory_facts (tenant_id, user_id, created_at, id) WHERE user_id IS NOT NULL;
DROP POLICY tenant ON memory_facts;
CREATE POLICY tenant ON memory_facts TO tributary_tenant USING (tenant_id = current_setting('app.tenant_id')
  AND (user_id IS NULL OR user_id = current_setting('app.subject', true) OR current_setting('app.every_memory', true) = 'on'));
