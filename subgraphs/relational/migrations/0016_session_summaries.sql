-- What was said in a session up to a message, in short: one for each, which a later one replaces. Whose it is, is said as of its messages
-- (0015_sessions.sql).
CREATE TABLE session_summaries (
  tenant_id        text NOT NULL DEFAULT current_setting('app.tenant_id'),
  session_id       text COLLATE "C" NOT NULL,
  user_id          text COLLATE "C" NOT NULL,
  through_sequence integer NOT NULL CHECK (through_sequence > 0),
  text             text NOT NULL,
  tokens           integer NOT NULL,
  -- The model that wrote it; null where the caller did.
  model            text,
  run_id           text COLLATE "C",
  created_at       timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, session_id),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions ON DELETE CASCADE
);
ALTER TABLE session_summaries ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_summaries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON session_summaries TO tributary_tenant USING (tenant_id = current_setting('app.tenant_id')
  AND (user_id = current_setting('app.subject', true) OR current_setting('app.every_subject', true) = 'on'));
GRANT SELECT, INSERT, UPDATE (through_sequence, text, tokens, model, run_id, created_at) ON session_summaries TO tributary_tenant;
