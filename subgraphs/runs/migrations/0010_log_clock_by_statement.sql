-- The shift is looked up once for each statement that appends and not for each of its rows: the trigger that checks the
-- clock leaves it in a setting of the transaction, from which every row's default takes it.

CREATE OR REPLACE FUNCTION check_log_clock() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE present bigint;
BEGIN
  -- A look of its own, which sees what has been set since the statement began.
  SELECT shift INTO present FROM runs.log_clock WHERE cluster = runs.this_cluster();
  IF present IS NULL THEN
    RAISE EXCEPTION 'The clock of the log is another cluster''s.' USING ERRCODE = 'TR001';
  END IF;
  PERFORM set_config('app.log_shift', present::text, true);
  RETURN NULL;
END $$;
ALTER TABLE run_events ALTER COLUMN transaction_id
  SET DEFAULT (pg_current_xact_id()::text::bigint + current_setting('app.log_shift')::bigint)::text::xid8;
DROP FUNCTION log_position();
