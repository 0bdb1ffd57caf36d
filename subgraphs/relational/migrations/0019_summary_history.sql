-- Summaries stay beside the one that takes their place: the newest, by its number, is what the session is in short. Which messages one adds to the summary
-- before is said by both ends, and who wrote it by his subject, which nobody knows of those that are there already.
ALTER TABLE session_summaries
  ADD COLUMN number         integer NOT NULL DEFAULT 1 CHECK (number > 0),
  ADD COLUMN after_sequence integer NOT NULL DEFAULT 0 CHECK (after_sequence >= 0),
  ADD COLUMN written_by     text COLLATE "C";
ALTER TABLE session_summaries
  ALTER COLUMN number DROP DEFAULT,
  ALTER COLUMN after_sequence DROP DEFAULT,
  DROP CONSTRAINT session_summaries_pkey,
  ADD PRIMARY KEY (tenant_id, session_id, number);
-- None is changed any more; the oldest of many go.
REVOKE UPDATE ON session_summaries FROM tributary_tenant;
GRANT DELETE ON session_summaries TO tributary_tenant;
