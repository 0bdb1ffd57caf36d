-- The orders that lists of runs may have, and the runs of a conversation.
CREATE INDEX runs_started ON runs (tenant_id, started_at, id);
CREATE INDEX runs_finished ON runs (tenant_id, finished_at, id);
CREATE INDEX runs_thread ON runs (tenant_id, thread_id, created_at, id);
