-- Runs that are dispatched to a webhook instead of being claimed by workers. The runs themselves are the outbox: whoever
-- dispatches claims the run under a lease, which goes along; a refusal hands it back for later.

ALTER TABLE runs
  ADD COLUMN webhook text,
  -- Not to be dispatched again before this moment.
  ADD COLUMN dispatch_after timestamptz(3),
  -- What went wrong with the last dispatch; null once one was accepted.
  ADD COLUMN dispatch_error text,
  ADD CHECK (webhook IS NOT NULL OR (dispatch_after IS NULL AND dispatch_error IS NULL));

CREATE INDEX runs_dispatchable ON runs (priority DESC, (COALESCE(scheduled_at, created_at)), created_at, id)
  WHERE webhook IS NOT NULL AND (status = 'QUEUED' OR (status = 'RUNNING' AND fence > 0));

-- Finding what is due in all tenants; claiming and handing back are done as the tenant.
GRANT SELECT (webhook, priority, scheduled_at, created_at, lease_expires_at, dispatch_after, fence) ON runs TO tributary_system;
