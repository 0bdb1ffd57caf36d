-- The ids of artifacts and of the outbox's entries derive from what is unique about them, so the primary key alone keeps it unique. A second
-- unique index cannot be an insert's arbiter beside it: of two writers of one new row at once, one failed on it now and then.
ALTER TABLE artifacts DROP CONSTRAINT artifacts_tenant_id_run_id_path_key;
CREATE INDEX ON artifacts (tenant_id, run_id, path, id);
ALTER TABLE outbox DROP CONSTRAINT outbox_id_key;
CREATE INDEX ON outbox (id);
