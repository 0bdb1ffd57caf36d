-- Runs and their event logs. A run's row is the lock that orders its log: an append locks it, takes the next dense
-- sequence numbers, and moves the run's state in the same transaction. What must always hold is held here, not only
-- in the driver.

CREATE TABLE runs (
  tenant_id text NOT NULL,
  id text NOT NULL,
  agent_id text,
  thread_id text NOT NULL,
  status text NOT NULL DEFAULT 'QUEUED' CHECK (status IN ('QUEUED', 'RUNNING', 'WAITING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
  -- json, not jsonb: kept as it came, key order included; nothing here is searched by content.
  input json,
  output json,
  error json,
  state json,
  last_sequence integer NOT NULL DEFAULT 0 CHECK (last_sequence >= 0),
  -- The smallest sequence that can still be read; retention raises it.
  first_available integer NOT NULL DEFAULT 1 CHECK (first_available BETWEEN 1 AND last_sequence + 1),
  actor text NOT NULL,
  idempotency_key text,
  input_hash text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  started_at timestamptz(3),
  finished_at timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  CHECK ((status = 'QUEUED') = (started_at IS NULL)),
  CHECK ((status IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (finished_at IS NOT NULL)),
  CHECK ((status = 'QUEUED') = (last_sequence = 0)),
  CHECK ((idempotency_key IS NULL) = (input_hash IS NULL))
);
CREATE UNIQUE INDEX runs_idempotency ON runs (tenant_id, COALESCE(agent_id, ''), idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_created ON runs (tenant_id, created_at, id);
CREATE INDEX runs_agent ON runs (tenant_id, agent_id, created_at, id);
CREATE INDEX runs_open ON runs (tenant_id, status, created_at, id) WHERE status IN ('QUEUED', 'RUNNING', 'WAITING');

CREATE TABLE run_events (
  tenant_id text NOT NULL,
  run_id text NOT NULL,
  sequence integer NOT NULL CHECK (sequence >= 1),
  type text NOT NULL,
  payload json NOT NULL,
  actor text NOT NULL,
  created_at timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, run_id, sequence),
  FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id),
  -- A log opens with RUN_STARTED, once.
  CHECK ((sequence = 1) = (type = 'RUN_STARTED'))
);
CREATE UNIQUE INDEX run_events_terminal ON run_events (tenant_id, run_id) WHERE type IN ('RUN_FINISHED', 'RUN_ERROR');

-- What each idempotency key of an append wrote, so that a retry gets the same events.
CREATE TABLE run_appends (
  tenant_id text NOT NULL,
  run_id text NOT NULL,
  idempotency_key text NOT NULL,
  input_hash text NOT NULL,
  first_sequence integer NOT NULL,
  last_sequence integer NOT NULL CHECK (last_sequence >= first_sequence),
  PRIMARY KEY (tenant_id, run_id, idempotency_key),
  FOREIGN KEY (tenant_id, run_id) REFERENCES runs (tenant_id, id)
);

-- Events follow the run's last one without a hole, and nothing follows the end. Once per statement, not per row.
CREATE FUNCTION check_appended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad text;
BEGIN
  SELECT r.id INTO bad
    FROM (SELECT tenant_id, run_id, min(sequence) AS low, max(sequence) AS high, count(*) AS number,
                 max(sequence) FILTER (WHERE type IN ('RUN_FINISHED', 'RUN_ERROR')) AS terminal
            FROM appended GROUP BY tenant_id, run_id) AS a
    JOIN runs.runs AS r ON r.tenant_id = a.tenant_id AND r.id = a.run_id
   WHERE r.finished_at IS NOT NULL OR a.low <> r.last_sequence + 1 OR a.number <> a.high - a.low + 1 OR a.terminal < a.high
   LIMIT 1;
  IF bad IS NOT NULL THEN
    RAISE EXCEPTION 'The events of run % do not follow its log.', bad USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER check_appended AFTER INSERT ON run_events REFERENCING NEW TABLE AS appended
  FOR EACH STATEMENT EXECUTE FUNCTION check_appended();

-- The state machine, and that a run's row says what its log says.
CREATE FUNCTION check_run() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE terminal_sequence integer; present_sequence integer;
BEGIN
  IF OLD.status IN ('SUCCEEDED', 'FAILED', 'CANCELLED')
     AND (NEW.status <> OLD.status OR NEW.last_sequence <> OLD.last_sequence OR NEW.finished_at <> OLD.finished_at) THEN
    RAISE EXCEPTION 'Run % has ended and cannot change.', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF NEW.status = 'QUEUED' AND OLD.status <> 'QUEUED' THEN
    RAISE EXCEPTION 'Run % cannot go from % to %.', OLD.id, OLD.status, NEW.status USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF NEW.last_sequence < OLD.last_sequence OR NEW.first_available < OLD.first_available THEN
    RAISE EXCEPTION 'The log of run % cannot shrink at its end or grow at its start.', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF NEW.last_sequence <> OLD.last_sequence OR NEW.status <> OLD.status THEN
    SELECT max(sequence) INTO present_sequence FROM runs.run_events WHERE tenant_id = NEW.tenant_id AND run_id = NEW.id;
    SELECT sequence INTO terminal_sequence FROM runs.run_events
     WHERE tenant_id = NEW.tenant_id AND run_id = NEW.id AND type IN ('RUN_FINISHED', 'RUN_ERROR');
    IF COALESCE(present_sequence, 0) <> NEW.last_sequence
       OR (NEW.finished_at IS NOT NULL) <> (terminal_sequence IS NOT DISTINCT FROM NEW.last_sequence) THEN
      RAISE EXCEPTION 'Run % does not say what its log says.', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_run BEFORE UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION check_run();

ALTER TABLE runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE runs FORCE ROW LEVEL SECURITY;
ALTER TABLE run_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE run_events FORCE ROW LEVEL SECURITY;
ALTER TABLE run_appends ENABLE ROW LEVEL SECURITY;
ALTER TABLE run_appends FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON runs TO tributary_tenant
  USING (tenant_id = current_setting('app.tenant_id')) WITH CHECK (tenant_id = current_setting('app.tenant_id'));
CREATE POLICY tenant ON run_events TO tributary_tenant
  USING (tenant_id = current_setting('app.tenant_id')) WITH CHECK (tenant_id = current_setting('app.tenant_id'));
CREATE POLICY tenant ON run_appends TO tributary_tenant
  USING (tenant_id = current_setting('app.tenant_id')) WITH CHECK (tenant_id = current_setting('app.tenant_id'));

-- A log is appended to: no UPDATE and no DELETE of events.
GRANT SELECT, INSERT, UPDATE ON runs TO tributary_tenant;
GRANT SELECT, INSERT ON run_events TO tributary_tenant;
GRANT SELECT, INSERT ON run_appends TO tributary_tenant;
