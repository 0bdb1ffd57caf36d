-- What users and agents say to one another. A session is one user's: `user_id` is the subject of whoever began it, or what he was called by somebody who
-- may see everybody's. So these tables have a second wall within the tenant's: a caller sees what has his own subject (`app.subject`), unless he was
-- granted everybody's (`app.every_subject`). Who names neither sees nothing.
CREATE TABLE sessions (
  tenant_id     text NOT NULL DEFAULT current_setting('app.tenant_id'),
  id            text COLLATE "C" NOT NULL,
  user_id       text COLLATE "C" NOT NULL,
  -- Without a foreign key: conversations outlive the agent that they were held with.
  agent_id      text COLLATE "C",
  title         text COLLATE "C",
  metadata      jsonb NOT NULL,
  -- The sequence of its last message.
  message_count integer NOT NULL DEFAULT 0 CHECK (message_count >= 0),
  -- Of what it was begun with under an idempotency key, of which its id is made.
  input_hash    text,
  ended_at      timestamptz(3),
  created_at    timestamptz(3) NOT NULL DEFAULT now(),
  updated_at    timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON sessions (tenant_id, created_at, id);
CREATE INDEX ON sessions (tenant_id, updated_at, id);
CREATE INDEX ON sessions (tenant_id, user_id, created_at, id);
CREATE INDEX ON sessions (tenant_id, user_id, updated_at, id);
CREATE INDEX ON sessions (tenant_id, agent_id, created_at, id);

-- `user_id` is the session's, so that the wall needs no look at it. `run_id` belongs to another subgraph, and has no foreign key for that reason.
CREATE TABLE messages (
  tenant_id    text NOT NULL DEFAULT current_setting('app.tenant_id'),
  id           text COLLATE "C" NOT NULL,
  session_id   text COLLATE "C" NOT NULL,
  user_id      text COLLATE "C" NOT NULL,
  sequence     integer NOT NULL CHECK (sequence > 0),
  role         text COLLATE "C" NOT NULL CHECK (role IN ('SYSTEM', 'USER', 'ASSISTANT', 'TOOL')),
  content      text NOT NULL,
  name         text COLLATE "C",
  tool_calls   jsonb,
  tool_call_id text COLLATE "C",
  metadata     jsonb NOT NULL,
  run_id       text COLLATE "C",
  tokens       integer NOT NULL,
  created_at   timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, session_id, sequence),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions ON DELETE CASCADE
);
CREATE INDEX ON messages (tenant_id, created_at, id);
CREATE INDEX ON messages (tenant_id, user_id, created_at, id);
CREATE INDEX ON messages (tenant_id, run_id) WHERE run_id IS NOT NULL;

-- Which messages an idempotency key has appended.
CREATE TABLE message_appends (
  tenant_id       text NOT NULL DEFAULT current_setting('app.tenant_id'),
  session_id      text COLLATE "C" NOT NULL,
  user_id         text COLLATE "C" NOT NULL,
  idempotency_key text COLLATE "C" NOT NULL,
  input_hash      text NOT NULL,
  first_sequence  integer NOT NULL,
  last_sequence   integer NOT NULL,
  PRIMARY KEY (tenant_id, session_id, idempotency_key),
  FOREIGN KEY (tenant_id, session_id) REFERENCES sessions ON DELETE CASCADE
);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['sessions', 'messages', 'message_appends']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY tenant ON %I TO tributary_tenant USING (tenant_id = current_setting(''app.tenant_id'') '
                   'AND (user_id = current_setting(''app.subject'', true) OR current_setting(''app.every_subject'', true) = ''on''))', name);
  END LOOP;
END $$;
GRANT SELECT, INSERT, DELETE, UPDATE (title, metadata, message_count, ended_at, updated_at) ON sessions TO tributary_tenant;
GRANT SELECT, INSERT ON messages, message_appends TO tributary_tenant;
