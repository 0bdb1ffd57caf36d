-- Positions in a tenant's log are ids of transactions, and those belong to a cluster: in a database that was restored into
-- another one they would begin anew, below what is stored. So each position is the transaction's id and a shift that puts
-- everything that this cluster writes behind what others wrote. `settleClock` sets it, when the cluster is another than
-- the one it was set for; until then nothing is appended.

CREATE TABLE log_clock (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  -- The cluster for which the shift holds: its system identifier. Null before it was first set.
  cluster bigint,
  shift bigint NOT NULL DEFAULT 0 CHECK (shift >= 0)
);
INSERT INTO log_clock DEFAULT VALUES;
GRANT SELECT ON log_clock TO tributary_tenant;
GRANT SELECT, UPDATE ON log_clock TO tributary_system;

-- This cluster; 0 where the role may not ask, as on some hosted servers, which then look like one.
CREATE FUNCTION this_cluster() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF NOT has_function_privilege('pg_control_system()', 'EXECUTE') THEN RETURN 0; END IF;
  RETURN (SELECT system_identifier FROM pg_control_system());
END $$;

-- Volatile, so that each call sees the shift that is set now, and not the one of when the statement began.
CREATE FUNCTION log_position() RETURNS xid8 LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN (SELECT (pg_current_xact_id()::text::bigint + shift)::text::xid8 FROM runs.log_clock);
END $$;

CREATE FUNCTION check_log_clock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM runs.log_clock WHERE cluster = runs.this_cluster()) THEN
    RAISE EXCEPTION 'The clock of the log is another cluster''s.' USING ERRCODE = 'TR001';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER check_log_clock BEFORE INSERT ON run_events FOR EACH STATEMENT EXECUTE FUNCTION check_log_clock();
ALTER TABLE run_events ALTER COLUMN transaction_id SET DEFAULT runs.log_position();
