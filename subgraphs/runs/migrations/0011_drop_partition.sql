-- As in 0008, but it waits for the whole tables alone, not for each of their partitions: a vacuum of any would have been in the way.
CREATE OR REPLACE FUNCTION drop_event_partition(suffix text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = runs, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM runs.event_partitions() AS p WHERE p.suffix = drop_event_partition.suffix AND p.upper_at < now()) THEN RETURN false; END IF;
  -- In the order in which appends take them. Who reads longer than this is not worth holding up everybody else.
  PERFORM set_config('lock_timeout', '500ms', true);
  LOCK TABLE ONLY runs.run_appends, ONLY runs.run_events IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('DROP TABLE runs.%I, runs.%I', 'run_appends_' || suffix, 'run_events_' || suffix);
  RETURN true;
END $$;
