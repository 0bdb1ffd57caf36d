-- Entities and the relations between them. Names sort by code point (COLLATE "C"), as they do in Neo4j, so that both
-- drivers page in one order. An entity's name and kind never change (its id derives from them), which lets relations
-- carry the names of both ends: every page of relations then comes straight from an index, also for a hub.

CREATE TABLE entities (
  tenant_id text NOT NULL,
  id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  properties jsonb NOT NULL DEFAULT '{}',
  -- Written by upsertEntities or upsertRelations, and so kept when no document mentions it any more.
  by_hand boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX entities_by_name ON entities (tenant_id, name, id);
CREATE INDEX entities_by_kind ON entities (tenant_id, kind, name, id);

CREATE TABLE relations (
  tenant_id text NOT NULL,
  id text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  from_id text COLLATE "C" NOT NULL,
  from_name text COLLATE "C" NOT NULL,
  to_id text COLLATE "C" NOT NULL,
  to_name text COLLATE "C" NOT NULL,
  properties jsonb NOT NULL DEFAULT '{}',
  -- Written by upsertRelations, and so kept when no document asserts it any more.
  by_hand boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  -- The tenant is part of both references: no relation can cross tenants.
  FOREIGN KEY (tenant_id, from_id) REFERENCES entities (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, to_id) REFERENCES entities (tenant_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX relations_out ON relations (tenant_id, from_id, type, to_name, to_id);
CREATE UNIQUE INDEX relations_in ON relations (tenant_id, to_id, type, from_name, from_id);

-- Which documents name which entities, in the document's order.
CREATE TABLE mentions (
  tenant_id text NOT NULL,
  document_id text COLLATE "C" NOT NULL,
  entity_id text COLLATE "C" NOT NULL,
  position integer NOT NULL,
  PRIMARY KEY (tenant_id, document_id, entity_id),
  FOREIGN KEY (tenant_id, entity_id) REFERENCES entities (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX mentions_in_order ON mentions (tenant_id, document_id, position, entity_id);
CREATE INDEX mentions_of_entity ON mentions (tenant_id, entity_id, document_id);

-- Which documents assert which relations.
CREATE TABLE assertions (
  tenant_id text NOT NULL,
  document_id text COLLATE "C" NOT NULL,
  relation_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant_id, document_id, relation_id),
  FOREIGN KEY (tenant_id, relation_id) REFERENCES relations (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX assertions_of_relation ON assertions (tenant_id, relation_id);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['entities', 'relations', 'mentions', 'assertions'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY tenant ON %I TO tributary_tenant USING (tenant_id = current_setting(''app.tenant_id'')) WITH CHECK (tenant_id = current_setting(''app.tenant_id''))',
      name
    );
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO tributary_tenant', name);
  END LOOP;
END
$$;
