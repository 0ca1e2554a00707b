-- A job that is put off is claimed from this moment on. Of the jobs with one key (a resource group of a repository) one is at work
-- at a time.
ALTER TABLE jobs ADD COLUMN not_before INTEGER;
ALTER TABLE jobs ADD COLUMN resource_key TEXT;

CREATE UNIQUE INDEX jobs_of_resource ON jobs (resource_key)
  WHERE resource_key IS NOT NULL AND state IN ('assigned', 'running', 'canceling');
