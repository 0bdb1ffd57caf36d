-- From when a fact holds, and until when; which run wrote it; which fact it took the place of. Neither of the two has a foreign key: a run belongs to
-- another subgraph, and forgetting a fact must not wait for what came after it.
ALTER TABLE memory_facts
  ADD COLUMN valid_from    timestamptz(3),
  ADD COLUMN valid_until   timestamptz(3),
  ADD COLUMN run_id        text COLLATE "C",
  ADD COLUMN supersedes_id text COLLATE "C";
CREATE INDEX ON memory_facts (tenant_id, run_id, created_at, id);
CREATE INDEX ON memory_facts (tenant_id, supersedes_id) WHERE supersedes_id IS NOT NULL;
