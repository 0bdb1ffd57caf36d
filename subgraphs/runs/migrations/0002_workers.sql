-- Workers claim queued runs under a lease. The token of the present lease fences out everybody else while it lives; a
-- lease that has expired leaves the run to the next claim. All moments are the database's.

ALTER TABLE runs
  ADD COLUMN priority integer NOT NULL DEFAULT 0 CHECK (priority BETWEEN -1000 AND 1000),
  -- Not before this moment; at once where it is null.
  ADD COLUMN scheduled_at timestamptz(3),
  ADD COLUMN max_attempts integer NOT NULL DEFAULT 5 CHECK (max_attempts BETWEEN 1 AND 100),
  -- Claims since the run was last handed back in order; the limit counts these.
  ADD COLUMN attempts integer NOT NULL DEFAULT 0,
  -- Claims ever: only grows, so that tokens can be ordered by it.
  ADD COLUMN fence integer NOT NULL DEFAULT 0,
  ADD COLUMN lease_token text,
  ADD COLUMN lease_expires_at timestamptz(3),
  ADD COLUMN claimed_by text,
  ADD CHECK (attempts BETWEEN 0 AND LEAST(fence, max_attempts)),
  ADD CHECK ((lease_token IS NULL) = (lease_expires_at IS NULL)),
  ADD CHECK (lease_token IS NULL OR (status IN ('QUEUED', 'RUNNING') AND fence > 0 AND claimed_by IS NOT NULL));

CREATE INDEX runs_claimable ON runs (tenant_id, agent_id, priority DESC, (COALESCE(scheduled_at, created_at)), created_at, id)
  WHERE status = 'QUEUED' OR (status = 'RUNNING' AND fence > 0);

CREATE FUNCTION check_lease() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.fence < OLD.fence OR (NEW.lease_token IS NOT NULL AND NEW.lease_token IS DISTINCT FROM OLD.lease_token AND NEW.fence = OLD.fence) THEN
    RAISE EXCEPTION 'A new lease of run % needs a new fence.', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_lease BEFORE UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION check_lease();
