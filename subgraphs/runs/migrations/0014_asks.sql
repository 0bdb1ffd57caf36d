-- Questions that the gateway itself answers (`ask`): runs that begin under a lease of nobody's yet, so that only who takes them may
-- write, and that end by themselves where nobody does, or where whoever took them is gone.

ALTER TABLE runs
  ADD COLUMN asks boolean NOT NULL DEFAULT false,
  -- Whether nobody has taken it yet.
  ADD COLUMN ask_waits boolean NOT NULL DEFAULT false,
  -- With whose roles and scopes it is to be answered; only while it waits.
  ADD COLUMN asker json,
  ADD CHECK (asks OR (asker IS NULL AND NOT ask_waits)),
  ADD CHECK (ask_waits = (asker IS NOT NULL));

CREATE INDEX runs_asked ON runs (tenant_id, created_at, id) WHERE ask_waits;

-- Finding what waits in all tenants; taking it is done as the tenant.
GRANT SELECT (ask_waits) ON runs TO tributary_system;
