-- How long a run was at work: `busy_ms` before `busy_since`, which is null while it is not. A run that was recorded
-- before counts from its start to its end.
ALTER TABLE runs ADD COLUMN busy_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN busy_since INTEGER;

UPDATE runs SET busy_ms = finished_at - started_at WHERE started_at IS NOT NULL AND finished_at IS NOT NULL;
UPDATE runs SET busy_since = started_at WHERE status IN ('running', 'canceling');
