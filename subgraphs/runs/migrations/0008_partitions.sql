-- The log in partitions by the start of its runs, so that retention drops what is past as a whole. A run's id begins with
-- the moment at which it was started (48 bits of milliseconds in base 36), so that ranges of ids are ranges of time: the
-- key of an event needs no further column, one run's events stay in one partition, and unique per run stays unique.

-- The smallest id of a run that is started at this moment.
CREATE FUNCTION run_id_from(moment timestamptz) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
  rest numeric := floor(extract(epoch FROM moment) * 1000) * 309485009821345068724781056; -- 2^88
  digits text := '';
BEGIN
  WHILE rest > 0 LOOP
    digits := substr('0123456789abcdefghijklmnopqrstuvwxyz', mod(rest, 36)::integer + 1, 1) || digits;
    rest := div(rest, 36);
  END LOOP;
  RETURN 'run_' || lpad(digits, 27, '0');
END $$;

-- When the run of this id was started; null for what is no run's id.
CREATE FUNCTION run_id_moment(id text) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE value numeric := 0;
BEGIN
  IF id !~ '^run_[0-9a-z]{27}$' THEN RETURN NULL; END IF;
  FOR place IN 5..31 LOOP
    value := value * 36 + strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(id, place, 1)) - 1;
  END LOOP;
  RETURN to_timestamp((div(value, 309485009821345068724781056) / 1000)::float8);
END $$;

-- What was there becomes the first partition. Ids compare byte by byte, whatever the database's collation.
ALTER TABLE run_events NO FORCE ROW LEVEL SECURITY;
ALTER TABLE run_appends NO FORCE ROW LEVEL SECURITY;
DROP TRIGGER check_appended ON run_events;
DROP POLICY tenant ON run_events;
DROP POLICY retention ON run_events;
DROP POLICY tenant ON run_appends;
DROP POLICY retention ON run_appends;
REVOKE ALL ON run_events, run_appends FROM tributary_tenant, tributary_system;
DROP INDEX run_events_tenant_log;
ALTER TABLE run_events DROP CONSTRAINT run_events_tenant_id_run_id_fkey;
ALTER TABLE run_appends DROP CONSTRAINT run_appends_tenant_id_run_id_fkey;
ALTER TABLE run_events ALTER COLUMN id DROP IDENTITY, ALTER COLUMN run_id TYPE text COLLATE "C";
ALTER TABLE run_appends ALTER COLUMN run_id TYPE text COLLATE "C";
ALTER TABLE run_events RENAME TO run_events_first;
ALTER TABLE run_appends RENAME TO run_appends_first;
ALTER INDEX run_events_pkey RENAME TO run_events_first_pkey;
ALTER INDEX run_events_terminal RENAME TO run_events_first_terminal;
ALTER INDEX run_appends_pkey RENAME TO run_appends_first_pkey;

CREATE SEQUENCE run_event_ids;
SELECT setval('run_event_ids', COALESCE(max(id), 0) + 1, false) FROM run_events_first;

CREATE TABLE run_events (
  tenant_id text NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  sequence integer NOT NULL CONSTRAINT run_events_sequence_check CHECK (sequence >= 1),
  type text NOT NULL,
  payload json NOT NULL,
  actor text NOT NULL,
  created_at timestamptz(3) NOT NULL,
  transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
  id bigint NOT NULL DEFAULT nextval('runs.run_event_ids'),
  PRIMARY KEY (tenant_id, run_id, sequence),
  CONSTRAINT run_events_check CHECK ((sequence = 1) = (type = 'RUN_STARTED'))
) PARTITION BY RANGE (run_id);
CREATE UNIQUE INDEX run_events_terminal ON run_events (tenant_id, run_id) WHERE type IN ('RUN_FINISHED', 'RUN_ERROR');
CREATE INDEX run_events_tenant_log ON run_events (tenant_id, transaction_id, id);

CREATE TABLE run_appends (
  tenant_id text NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  idempotency_key text NOT NULL,
  input_hash text NOT NULL,
  first_sequence integer NOT NULL,
  last_sequence integer NOT NULL,
  PRIMARY KEY (tenant_id, run_id, idempotency_key),
  CONSTRAINT run_appends_check CHECK (last_sequence >= first_sequence)
) PARTITION BY RANGE (run_id);

-- For runs whose partition nobody has made in time, or whose clock was wrong; making one moves them.
CREATE TABLE run_events_rest PARTITION OF run_events DEFAULT;
CREATE TABLE run_appends_rest PARTITION OF run_appends DEFAULT;

DO $$
DECLARE bound text;
BEGIN
  SELECT runs.run_id_from(date_trunc('day', GREATEST(now(), max(runs.run_id_moment(id))) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 day') INTO bound FROM (
    SELECT max(run_id) AS id FROM runs.run_events_first UNION ALL SELECT max(run_id) FROM runs.run_appends_first) AS ids;
  EXECUTE format('ALTER TABLE runs.run_events ATTACH PARTITION runs.run_events_first FOR VALUES FROM (MINVALUE) TO (%L)', bound);
  EXECUTE format('ALTER TABLE runs.run_appends ATTACH PARTITION runs.run_appends_first FOR VALUES FROM (MINVALUE) TO (%L)', bound);
END $$;

-- Who reads and writes does so through the whole table; partitions themselves are nobody's.
ALTER TABLE run_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE run_events FORCE ROW LEVEL SECURITY;
ALTER TABLE run_appends ENABLE ROW LEVEL SECURITY;
ALTER TABLE run_appends FORCE ROW LEVEL SECURITY;
ALTER TABLE run_events_rest ENABLE ROW LEVEL SECURITY;
ALTER TABLE run_appends_rest ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON run_events TO tributary_tenant
  USING (tenant_id = current_setting('app.tenant_id')) WITH CHECK (tenant_id = current_setting('app.tenant_id'));
CREATE POLICY tenant ON run_appends TO tributary_tenant
  USING (tenant_id = current_setting('app.tenant_id')) WITH CHECK (tenant_id = current_setting('app.tenant_id'));
CREATE POLICY retention ON run_events TO tributary_system USING (true);
CREATE POLICY retention ON run_appends TO tributary_system USING (true);
-- Positions are the database's to give.
GRANT SELECT, INSERT (tenant_id, run_id, sequence, type, payload, actor, created_at) ON run_events TO tributary_tenant;
GRANT USAGE ON SEQUENCE run_event_ids TO tributary_tenant;
GRANT SELECT, INSERT ON run_appends TO tributary_tenant;
GRANT SELECT (tenant_id, run_id, transaction_id, id), DELETE ON run_events TO tributary_system;
GRANT SELECT (tenant_id, run_id), DELETE ON run_appends TO tributary_system;

-- As before, and in the place of the foreign key: an event is of a run. (Checked once per statement; and a partition that
-- comes or goes needs no lock of the runs.)
CREATE OR REPLACE FUNCTION check_appended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad text;
BEGIN
  SELECT a.run_id INTO bad
    FROM (SELECT tenant_id, run_id, min(sequence) AS low, max(sequence) AS high, count(*) AS number,
                 max(sequence) FILTER (WHERE type IN ('RUN_FINISHED', 'RUN_ERROR')) AS terminal
            FROM appended GROUP BY tenant_id, run_id) AS a
    LEFT JOIN runs.runs AS r ON r.tenant_id = a.tenant_id AND r.id = a.run_id
   WHERE r.id IS NULL OR r.finished_at IS NOT NULL OR a.low <> r.last_sequence + 1 OR a.number <> a.high - a.low + 1 OR a.terminal < a.high
   LIMIT 1;
  IF bad IS NOT NULL THEN
    RAISE EXCEPTION 'The events of run % do not follow its log.', bad USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER check_appended AFTER INSERT ON run_events REFERENCING NEW TABLE AS appended
  FOR EACH STATEMENT EXECUTE FUNCTION check_appended();

CREATE FUNCTION check_append_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM appended AS a WHERE NOT EXISTS (SELECT FROM runs.runs AS r WHERE r.tenant_id = a.tenant_id AND r.id = a.run_id)) THEN
    RAISE EXCEPTION 'An append is of no run.' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER check_append_key AFTER INSERT ON run_appends REFERENCING NEW TABLE AS appended
  FOR EACH STATEMENT EXECUTE FUNCTION check_append_key();

CREATE FUNCTION check_removed_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM runs.run_events WHERE tenant_id = OLD.tenant_id AND run_id = OLD.id)
     OR EXISTS (SELECT FROM runs.run_appends WHERE tenant_id = OLD.tenant_id AND run_id = OLD.id) THEN
    RAISE EXCEPTION 'Run % has a log.', OLD.id USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER check_removed_run BEFORE DELETE ON runs FOR EACH ROW EXECUTE FUNCTION check_removed_run();

-- The partitions but for the rest, by what the catalogue says of them.
CREATE FUNCTION event_partitions() RETURNS TABLE (suffix text, lower_id text, upper_id text, upper_at timestamptz) LANGUAGE sql STABLE AS $$
  SELECT substr(c.relname, length('run_events_') + 1), COALESCE(substring(b.bounds FROM 'FROM \(''([^'']*)''\)'), ''), u.id, runs.run_id_moment(u.id)
    FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhrelid
   CROSS JOIN LATERAL pg_get_expr(c.relpartbound, c.oid) AS b (bounds)
   CROSS JOIN LATERAL substring(b.bounds FROM 'TO \(''([^'']*)''\)') AS u (id)
   WHERE i.inhparent = 'runs.run_events'::regclass AND b.bounds <> 'DEFAULT'
   ORDER BY u.id COLLATE "C";
$$;

-- Makes partitions of `width` behind the last one until `until` is covered, and moves what was put into the rest meanwhile.
-- What it would have to wait for is not waited for long: the rest takes what comes, and the next call makes it good.
CREATE FUNCTION add_event_partitions(until timestamptz, width interval) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  today timestamptz := date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
  lower_at timestamptz; upper_at timestamptz; low text; high text; name text; parent text; made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(7283914002);
  PERFORM set_config('lock_timeout', '1s', true);
  LOOP
    SELECT max(p.upper_at) INTO lower_at FROM runs.event_partitions() AS p;
    lower_at := COALESCE(lower_at, today);
    EXIT WHEN lower_at >= until;
    -- After a long absence one partition fills the gap.
    upper_at := CASE WHEN lower_at < today THEN today ELSE lower_at + width END;
    low := runs.run_id_from(lower_at);
    high := runs.run_id_from(upper_at);
    FOREACH parent IN ARRAY ARRAY['run_appends', 'run_events'] LOOP
      name := parent || '_' || to_char(lower_at AT TIME ZONE 'UTC', 'YYYYMMDD');
      EXECUTE format('CREATE TABLE runs.%I (LIKE runs.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name, parent);
      EXECUTE format('ALTER TABLE runs.%I ENABLE ROW LEVEL SECURITY', name);
      EXECUTE format('WITH moved AS (DELETE FROM runs.%I WHERE run_id >= %L AND run_id < %L RETURNING *) INSERT INTO runs.%I SELECT * FROM moved', parent || '_rest', low, high, name);
      EXECUTE format('ALTER TABLE runs.%I ATTACH PARTITION runs.%I FOR VALUES FROM (%L) TO (%L)', parent, name, low, high);
    END LOOP;
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;
REVOKE ALL ON FUNCTION add_event_partitions(timestamptz, interval) FROM PUBLIC;

-- Drops a partition. Whoever calls it has seen that all runs of its range are archived; the system cannot drop anything itself.
CREATE FUNCTION drop_event_partition(suffix text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = runs, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM runs.event_partitions() AS p WHERE p.suffix = drop_event_partition.suffix AND p.upper_at < now()) THEN RETURN false; END IF;
  -- In the order in which appends take them. Who reads longer than this is not worth holding up everybody else.
  PERFORM set_config('lock_timeout', '500ms', true);
  LOCK TABLE runs.run_appends, runs.run_events IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('DROP TABLE runs.%I, runs.%I', 'run_appends_' || suffix, 'run_events_' || suffix);
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION drop_event_partition(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_event_partition(text) TO tributary_system;

-- Runs that are not archived, by time; and those that have ended.
CREATE INDEX runs_unarchived ON runs (id COLLATE "C") WHERE archived_at IS NULL;
