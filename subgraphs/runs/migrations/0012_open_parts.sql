-- What a run's log has begun and not ended (events/order.ts), so that an append need not read the log. NULL for runs of
-- before, whose log is read once, and for those that have ended.
ALTER TABLE runs ADD COLUMN open_parts json;
