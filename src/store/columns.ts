/**
 * Rows are read under the names of the records' fields, so that a row needs little or no mapping. These lists are the
 * same for SQLite and PostgreSQL.
 */
export const RUN_COLUMNS = `
  runs.id, runs.number, pipelines.name AS pipeline,
  repositories.key AS "repoKey", repositories.name AS "repoName",
  runs.branch, runs.tag, runs.commit_sha AS "commit", runs.commit_message AS "commitMessage", runs.tree, runs.dirty,
  runs.trigger_kind AS "trigger", runs.mode, runs.executor, runs.owner, runs.plan_hash AS "planHash",
  runs.overrides, runs.delivery, runs.after_run AS "after",
  runs.parent_run AS "parentRun", runs.parent_job AS "parentJob", runs.status, runs.warnings,
  runs.cancel_requested_at AS "cancelRequestedAt", runs.stop_requested_at AS "stopRequestedAt",
  runs.created_at AS "createdAt", runs.started_at AS "startedAt", runs.finished_at AS "finishedAt",
  runs.busy_ms AS "busyMs", runs.busy_since AS "busySince",
  runs.version`;

/** What `RUN_COLUMNS` are read from. */
export const RUN_TABLES = `
  runs
  JOIN pipelines ON pipelines.id = runs.pipeline_id
  JOIN repositories ON repositories.id = runs.repository_id`;

export const JOB_COLUMNS = `
  jobs.id, jobs.run_id AS "runId", jobs.name, jobs.position AS "index", jobs.priority, jobs.state, jobs.allowed,
  jobs.failure_reason AS "failureReason", jobs.exit_code AS "exitCode", jobs.attempt,
  jobs.retries_used AS "retriesUsed", jobs.cancel_requested AS "cancelRequested",
  jobs.created_at AS "createdAt", jobs.queued_at AS "queuedAt", jobs.started_at AS "startedAt",
  jobs.finished_at AS "finishedAt", jobs.not_before AS "notBefore", jobs.resource_key AS "resourceKey"`;

export const ATTEMPT_COLUMNS = `
  attempts.job_id AS "jobId", attempts.run_id AS "runId", attempts.number, attempts.worker,
  attempts.lease_token AS "leaseToken", attempts.lease_until AS "leaseUntil",
  attempts.container_name AS "containerName", attempts.assigned_at AS "assignedAt",
  attempts.started_at AS "startedAt", attempts.finished_at AS "finishedAt", attempts.outcome,
  attempts.exit_code AS "exitCode", attempts.failure_reason AS "failureReason", attempts.message,
  attempts.log_bytes AS "logBytes", attempts.log_sha256 AS "logSha256",
  attempts.artifact_layer AS "artifactLayer", attempts.results`;

export const TEST_FAILURE_COLUMNS = `
  jobs.run_id AS "runId", jobs.position AS job, test_failures.suite, test_failures.class_name AS "className",
  test_failures.name, test_failures.file, test_failures.line, test_failures.kind, test_failures.message,
  test_failures.detail`;

export const ARTIFACT_COLUMNS = `
  artifacts.path, artifacts.size_bytes AS "sizeBytes", artifacts.sha256, attempts.job_id AS "jobId",
  attempts.run_id AS "runId", attempts.number AS attempt`;

/** A job at work with the resource that it has, to be followed by a condition on `jobs`. */
export const RESOURCE_HOLDERS = `
  SELECT jobs.resource_key AS "resourceKey", jobs.run_id AS "runId", pipelines.name AS pipeline, runs.number,
    jobs.name AS job
  FROM jobs JOIN runs ON runs.id = jobs.run_id JOIN pipelines ON pipelines.id = runs.pipeline_id
  WHERE jobs.state IN ('assigned', 'running', 'canceling')`;

/** A lease, of the table `attempts`. */
export const LEASE_COLUMNS = `
  attempts.run_id AS "runId", attempts.job_id AS "jobId", attempts.number AS attempt,
  attempts.lease_token AS token`;

export const EVENT_COLUMNS = `events.id, events.run_id AS "runId", events.at, events.type, events.job, events.attempt, events.data`;
