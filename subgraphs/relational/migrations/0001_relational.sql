-- Everything of the relational subgraph. Texts that are sorted or searched by prefix collate "C" (by code point): such
-- indexes outlive upgrades of the operating system's collations, and prefixes become ranges.
-- Moments keep milliseconds, so that they pass through JavaScript's Date and back into a cursor unchanged.

CREATE TABLE tenants (
  tenant_id  text PRIMARY KEY DEFAULT current_setting('app.tenant_id'),
  name       text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);

CREATE TABLE agents (
  tenant_id      text NOT NULL DEFAULT current_setting('app.tenant_id'),
  id             text COLLATE "C" NOT NULL,
  name           text COLLATE "C" NOT NULL,
  description    text,
  version_number integer NOT NULL,
  created_at     timestamptz(3) NOT NULL DEFAULT now(),
  updated_at     timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON agents (tenant_id, name, id);
CREATE INDEX ON agents (tenant_id, created_at, id);
CREATE INDEX ON agents (tenant_id, updated_at, id);

-- A version is the whole agent as it was: a run can always be explained by the version that it used.
CREATE TABLE agent_versions (
  tenant_id    text NOT NULL DEFAULT current_setting('app.tenant_id'),
  id           text COLLATE "C" NOT NULL,
  agent_id     text COLLATE "C" NOT NULL,
  number       integer NOT NULL,
  name         text NOT NULL,
  description  text,
  instructions text,
  model        text,
  config       jsonb NOT NULL,
  created_at   timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, agent_id, number),
  FOREIGN KEY (tenant_id, agent_id) REFERENCES agents ON DELETE CASCADE
);

-- `digest` covers all that a caller gave, so that an upsert can see by itself that nothing changes.
CREATE TABLE documents (
  tenant_id    text NOT NULL DEFAULT current_setting('app.tenant_id'),
  id           text COLLATE "C" NOT NULL,
  title        text COLLATE "C" NOT NULL,
  source       text COLLATE "C" NOT NULL,
  media_type   text COLLATE "C" NOT NULL,
  content_hash text COLLATE "C" NOT NULL,
  metadata     jsonb NOT NULL,
  object_key   text,
  digest       text NOT NULL,
  created_at   timestamptz(3) NOT NULL DEFAULT now(),
  updated_at   timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, source)
);
CREATE INDEX ON documents (tenant_id, title, id);
CREATE INDEX ON documents (tenant_id, media_type, id);
CREATE INDEX ON documents (tenant_id, content_hash);
CREATE INDEX ON documents (tenant_id, created_at, id);
CREATE INDEX ON documents (tenant_id, updated_at, id);

-- Apart from the row that lists read, so that listing stays cheap however long the texts are.
CREATE TABLE document_contents (
  tenant_id   text NOT NULL DEFAULT current_setting('app.tenant_id'),
  document_id text COLLATE "C" NOT NULL,
  text        text NOT NULL,
  entities    jsonb NOT NULL,
  relations   jsonb NOT NULL,
  PRIMARY KEY (tenant_id, document_id),
  FOREIGN KEY (tenant_id, document_id) REFERENCES documents ON DELETE CASCADE
);

CREATE TABLE chunks (
  tenant_id   text NOT NULL DEFAULT current_setting('app.tenant_id'),
  id          text COLLATE "C" NOT NULL,
  document_id text COLLATE "C" NOT NULL,
  index       integer NOT NULL,
  text        text NOT NULL,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, document_id) REFERENCES documents ON DELETE CASCADE
);
CREATE INDEX ON chunks (tenant_id, document_id, index, id);

-- One row for each document and store that follows it, whatever is to be done there: entries coalesce, and their number
-- is bounded by that of the documents. A tombstone (DELETE) goes once its store has followed; there is no foreign key,
-- for it outlives the document. Revisions are only compared for equality, so the sequence may start over. Moments that
-- decide what is due are exact: rounded up, an entry would not be due yet to whoever looks at once.
CREATE SEQUENCE outbox_revision AS integer CYCLE;
CREATE TABLE outbox (
  tenant_id       text NOT NULL DEFAULT current_setting('app.tenant_id'),
  id              text COLLATE "C" NOT NULL UNIQUE,
  document_id     text COLLATE "C" NOT NULL,
  store           text NOT NULL CHECK (store IN ('OBJECT', 'VECTOR', 'GRAPH')),
  operation       text NOT NULL CHECK (operation IN ('UPSERT', 'DELETE')),
  object_key      text,
  revision        integer NOT NULL,
  state           text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'DONE', 'FAILED', 'DISABLED')),
  attempts        integer NOT NULL DEFAULT 0,
  error           text,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  lease_until     timestamptz,
  lease_revision  integer,
  changed_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, document_id, store)
);
CREATE INDEX ON outbox (store, next_attempt_at, id) WHERE state <> 'DONE';
CREATE INDEX ON outbox (state, changed_at);

CREATE TABLE memory_facts (
  tenant_id  text NOT NULL DEFAULT current_setting('app.tenant_id'),
  id         text COLLATE "C" NOT NULL,
  agent_id   text COLLATE "C",
  key        text COLLATE "C" NOT NULL,
  value      text NOT NULL,
  source     text COLLATE "C",
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, agent_id) REFERENCES agents ON DELETE CASCADE
);
CREATE INDEX ON memory_facts (tenant_id, key, id);
CREATE INDEX ON memory_facts (tenant_id, source, id);
CREATE INDEX ON memory_facts (tenant_id, agent_id, key);
CREATE INDEX ON memory_facts (tenant_id, created_at, id);
CREATE INDEX ON memory_facts (tenant_id, updated_at, id);

-- `run_id` belongs to another subgraph, and has no foreign key for that reason.
CREATE TABLE artifacts (
  tenant_id    text NOT NULL DEFAULT current_setting('app.tenant_id'),
  id           text COLLATE "C" NOT NULL,
  run_id       text COLLATE "C" NOT NULL,
  path         text COLLATE "C" NOT NULL,
  content_type text COLLATE "C" NOT NULL,
  file_key     text,
  created_at   timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, run_id, path)
);
CREATE INDEX ON artifacts (tenant_id, path, id);
CREATE INDEX ON artifacts (tenant_id, content_type, id);
CREATE INDEX ON artifacts (tenant_id, created_at, id);

CREATE TABLE usage_records (
  tenant_id     text NOT NULL DEFAULT current_setting('app.tenant_id'),
  id            text COLLATE "C" NOT NULL,
  operation     text COLLATE "C" NOT NULL CHECK (operation IN ('EMBED', 'GENERATE', 'RERANK')),
  provider      text COLLATE "C" NOT NULL,
  model         text COLLATE "C" NOT NULL,
  input_tokens  integer NOT NULL CHECK (input_tokens >= 0),
  output_tokens integer NOT NULL CHECK (output_tokens >= 0),
  estimated     boolean NOT NULL,
  subject       text COLLATE "C" NOT NULL,
  request_id    text COLLATE "C" NOT NULL,
  created_at    timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON usage_records (tenant_id, created_at, id);
CREATE INDEX ON usage_records (tenant_id, operation, created_at);
CREATE INDEX ON usage_records (tenant_id, model, created_at);
CREATE INDEX ON usage_records (tenant_id, subject, created_at);
CREATE INDEX ON usage_records (tenant_id, request_id);

CREATE TABLE audit_entries (
  tenant_id    text NOT NULL DEFAULT current_setting('app.tenant_id'),
  id           text COLLATE "C" NOT NULL,
  actor        text COLLATE "C" NOT NULL,
  action       text COLLATE "C" NOT NULL,
  subject_type text COLLATE "C" NOT NULL,
  subject_id   text COLLATE "C" NOT NULL,
  request_id   text COLLATE "C" NOT NULL,
  details      jsonb NOT NULL,
  created_at   timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON audit_entries (tenant_id, created_at, id);
CREATE INDEX ON audit_entries (tenant_id, subject_type, subject_id, created_at);
CREATE INDEX ON audit_entries (tenant_id, subject_id, created_at);
CREATE INDEX ON audit_entries (tenant_id, action, created_at);
CREATE INDEX ON audit_entries (tenant_id, actor, created_at);
CREATE INDEX ON audit_entries (tenant_id, request_id);

-- Audit entries stay as they were written, also for the owner and superusers, and also in replica mode.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'Audit entries cannot be changed or removed.' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER audit_entries_stay;

-- A tenant sees and writes its own rows, whoever owns the table.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['tenants', 'agents', 'agent_versions', 'documents', 'document_contents', 'chunks', 'outbox',
                              'memory_facts', 'artifacts', 'usage_records', 'audit_entries']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY tenant ON %I TO tributary_tenant USING (tenant_id = current_setting(''app.tenant_id'')) '
                   'WITH CHECK (tenant_id = current_setting(''app.tenant_id''))', name);
  END LOOP;
END $$;

GRANT SELECT, INSERT ON tenants TO tributary_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON agents, documents, document_contents, chunks, memory_facts TO tributary_tenant;
GRANT SELECT, INSERT ON agent_versions, artifacts, usage_records TO tributary_tenant;
-- What may be set is named, so that nobody can date an entry.
GRANT SELECT ON audit_entries TO tributary_tenant;
GRANT INSERT (id, actor, action, subject_type, subject_id, request_id, details) ON audit_entries TO tributary_tenant;
-- A tenant bumps entries; only the system settles them.
GRANT SELECT, INSERT, UPDATE ON outbox TO tributary_tenant;
GRANT USAGE ON SEQUENCE outbox_revision TO tributary_tenant;

-- The system delivers the outbox of all tenants, for which it reads what is to be delivered.
CREATE POLICY deliver ON outbox TO tributary_system USING (true) WITH CHECK (true);
CREATE POLICY deliver ON documents FOR SELECT TO tributary_system USING (true);
CREATE POLICY deliver ON document_contents FOR SELECT TO tributary_system USING (true);
CREATE POLICY deliver ON chunks FOR SELECT TO tributary_system USING (true);
GRANT SELECT, UPDATE, DELETE ON outbox TO tributary_system;
GRANT SELECT ON documents, document_contents, chunks TO tributary_system;
