-- Runs that workers claim may be announced on a queue of messages, so that workers need not ask. The runs themselves are the
-- outbox, and the lease of a claim is the truth: a message only says that a run waits, and may come twice or late.

-- Not to be announced before this moment; null where it has not been since it was queued, or since the last claim.
ALTER TABLE runs ADD COLUMN announce_after timestamptz;

CREATE INDEX runs_announceable ON runs ((GREATEST(announce_after, lease_expires_at, scheduled_at, created_at)))
  WHERE agent_id IS NOT NULL AND webhook IS NULL AND workflow_id IS NULL AND NOT asks
    AND (status = 'QUEUED' OR (status = 'RUNNING' AND fence > 0));

-- The system finds what waits in all tenants and notes that it was announced; it reads nothing that a run says.
GRANT SELECT (agent_id, asks, announce_after), UPDATE (announce_after) ON runs TO tributary_system;
