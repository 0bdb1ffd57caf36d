-- Tells every process what has come about with an entry: that it is due, was delivered, has failed, or is gone. Ids and a state only: all hear it, of
-- whatever tenant. Leases are nobody's business. PostgreSQL tells the same once a transaction, when it commits.
CREATE FUNCTION tell_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM pg_notify('tributary_outbox', concat_ws(' ', OLD.tenant_id, OLD.document_id, 'GONE'));
  ELSE
    PERFORM pg_notify('tributary_outbox', concat_ws(' ', NEW.tenant_id, NEW.document_id, NEW.state));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER told AFTER INSERT OR DELETE ON outbox FOR EACH ROW EXECUTE FUNCTION tell_outbox();
CREATE TRIGGER told_change AFTER UPDATE ON outbox FOR EACH ROW
  WHEN ((OLD.state, OLD.revision) IS DISTINCT FROM (NEW.state, NEW.revision) OR (OLD.lease_until IS NOT NULL AND NEW.lease_until IS NULL))
  EXECUTE FUNCTION tell_outbox();
