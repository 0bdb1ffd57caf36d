-- Runs that a Temporal workflow owns. As with webhooks the runs themselves are the outbox: a run that is acknowledged is
-- started as a workflow sooner or later, whoever dies in between, and looked after until it has ended.

ALTER TABLE runs
  -- The workflow's id; null where no workflow owns the run.
  ADD COLUMN workflow_id text,
  -- Whether the workflow is known to have been started.
  ADD COLUMN workflow_started boolean NOT NULL DEFAULT false,
  -- When the next thing is to be done: start it, look after it, tell it of a cancellation. Null where nothing is left to do.
  ADD COLUMN workflow_due_at timestamptz,
  ADD CHECK (workflow_id IS NULL OR webhook IS NULL),
  ADD CHECK (workflow_id IS NOT NULL OR (NOT workflow_started AND workflow_due_at IS NULL));

-- `dispatch_error` is of both kinds of dispatch from now on.
DO $$
DECLARE name text;
BEGIN
  SELECT conname INTO STRICT name FROM pg_constraint
   WHERE conrelid = 'runs.runs'::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%webhook IS NOT NULL%dispatch_error IS NULL%';
  EXECUTE format('ALTER TABLE runs.runs DROP CONSTRAINT %I', name);
END $$;
ALTER TABLE runs
  ADD CHECK (webhook IS NOT NULL OR dispatch_after IS NULL),
  ADD CHECK (webhook IS NOT NULL OR workflow_id IS NOT NULL OR dispatch_error IS NULL);

CREATE INDEX runs_workflows ON runs (workflow_due_at) WHERE workflow_due_at IS NOT NULL;

-- The system finds what is due in all tenants and notes when to come back; what a run says is read and written as its tenant.
GRANT SELECT (workflow_id, workflow_started, workflow_due_at, dispatch_error), UPDATE (workflow_started, workflow_due_at, dispatch_error) ON runs TO tributary_system;

-- Runs whose attempts are used up are ended also where nobody claims any more.
CREATE INDEX runs_exhausted ON runs ((COALESCE(lease_expires_at, created_at)))
  WHERE attempts >= max_attempts AND fence > 0 AND status IN ('QUEUED', 'RUNNING');
GRANT SELECT (attempts, max_attempts) ON runs TO tributary_system;
