import { newAttempt } from "../../run/new-rows.ts";
import type { EpochMs, JobRecord, Lease } from "../../run/records.ts";
import type { ClaimScope } from "../../run/store.ts";
import {
  type Claim,
  type Claimed,
  isFree,
  MAY_START,
  QUEUE_ORDER,
  RUN_ORDER,
  tagsText,
} from "../claimable.ts";
import { JOB_COLUMNS, LEASE_COLUMNS } from "../columns.ts";
import { NOW, type Session } from "./postgres-connection.ts";
import { isUniqueViolation } from "./postgres-errors.ts";

/** So many of the queue's first jobs are looked at: more than claim at the same moment. */
const CANDIDATES = 32;
const FREE = isFree(NOW);
/** After so many rounds in which others took every job that was seen, they may have the rest as well. */
const MAX_ROUNDS = 8;

/**
 * Each round is one to three statements, each a transaction of its own. The queue's first jobs are tried first, then the first
 * of each run, both without waiting for runs that somebody else is changing just now. Where there are only such runs, the
 * first is waited for.
 */
export async function claimJob(db: Session, claim: Claim): Promise<Claimed | undefined> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    for (const way of WAYS) {
      const { isWaiting, claimed } = await tryToClaim(db, claim, way);
      if (claimed !== undefined) return claimed;
      if (!isWaiting) return undefined;
    }
  }
}

/** What an earlier call of the same claim, of which no answer came, has got: tokens are never used twice. */
export function findLease(db: Session, claim: Claim): Promise<Lease | undefined> {
  return db.get<Lease>(
    `SELECT ${LEASE_COLUMNS} FROM attempts WHERE outcome IS NULL AND worker = $1 AND lease_token = $2`,
    ...[claim.worker, claim.token],
  );
}

interface Way {
  /** Which jobs are tried, in queue order. */
  candidates: (scope: ScopeCondition) => string;
  lock: string;
}

const WAYS: readonly Way[] = [
  { candidates: firstOfQueue, lock: "SKIP LOCKED" },
  { candidates: firstOfEachRun, lock: "SKIP LOCKED" },
  { candidates: firstOfQueue, lock: "" },
];

/**
 * The runs of the queue's first jobs in the order of these, of each its jobs by priority. `OFFSET 0` keeps the planner from
 * beginning with the runs: `jobs_queue` has the order, and few jobs are looked at.
 */
function firstOfQueue({ ofJob, ofRun }: ScopeCondition): string {
  return `SELECT best.id, best.run_id
    FROM (
      SELECT run_id, min(place) AS place
      FROM (
        SELECT jobs.run_id, row_number() OVER (ORDER BY ${QUEUE_ORDER}) AS place
        FROM jobs CROSS JOIN LATERAL (SELECT FROM runs WHERE runs.id = jobs.run_id AND ${MAY_START} AND ${ofRun} OFFSET 0) AS run
        WHERE jobs.state = 'pending' AND ${ofJob} AND ${FREE} ORDER BY ${QUEUE_ORDER} LIMIT ${CANDIDATES}
      ) AS head
      GROUP BY run_id ORDER BY place
    ) AS first CROSS JOIN LATERAL (${bestOfRun("first.run_id", ofJob, CANDIDATES)}) AS best
    LIMIT ${CANDIDATES}`;
}

function firstOfEachRun({ ofJob, ofRun }: ScopeCondition): string {
  return `SELECT best.id, best.run_id
    FROM runs CROSS JOIN LATERAL (${bestOfRun("runs.id", ofJob, 1)}) AS best
    WHERE runs.status IN ('pending', 'running') AND ${MAY_START} AND ${ofRun}
    ORDER BY runs.created_at, runs.id LIMIT ${CANDIDATES}`;
}

function bestOfRun(runId: string, ofJob: string, limit: number): string {
  return `SELECT jobs.id, jobs.run_id FROM jobs WHERE jobs.run_id = ${runId} AND jobs.state = 'pending' AND ${ofJob} AND ${FREE}
    ORDER BY ${RUN_ORDER} LIMIT ${limit}`;
}

type ClaimRow = { isWaiting: boolean } & (
  | (JobRecord & { version: number; assignedAt: EpochMs })
  | { id: null }
);

async function tryToClaim(
  db: Session,
  { worker, token, leaseMs, scope }: Claim,
  way: Way,
): Promise<{ isWaiting: boolean; claimed?: Claimed }> {
  const condition = conditionOf(scope);
  const row = await unlessTaken(
    db.get<ClaimRow>(
      claimSql(way.candidates(condition), way.lock),
      ...[worker, token, leaseMs, ...condition.values],
    ),
  );
  if (row === undefined) return { isWaiting: true };
  const { isWaiting, ...found } = row;
  if (found.id === null) return { isWaiting };
  const { version, assignedAt, ...job } = found;
  const number = job.attempt + 1;
  const attempt = newAttempt(job, number, { worker, token, leaseMs }, assignedAt);
  const lease = { runId: job.runId, jobId: job.id, attempt: number, token };
  return {
    isWaiting,
    claimed: { lease, version, job: { ...job, state: "assigned", attempt: number }, attempt },
  };
}

/** Undefined: another claim got the resource of the job first. */
async function unlessTaken<T>(claim: Promise<T>): Promise<T | undefined> {
  try {
    return await claim;
  } catch (error) {
    if (isUniqueViolation(error)) return undefined;
    throw error;
  }
}

/**
 * $1 worker, $2 token, $3 lease in milliseconds; the candidates' values follow. The clock is read once the locks are held. The
 * event is that of `assignedEvent`.
 */
function claimSql(candidates: string, lock: string): string {
  return `WITH candidate AS MATERIALIZED (${candidates}),
    picked AS MATERIALIZED (
      SELECT ${JOB_COLUMNS}
      FROM jobs JOIN runs ON runs.id = jobs.run_id
      WHERE jobs.id = ANY (ARRAY(SELECT id FROM candidate)) AND runs.id = ANY (ARRAY(SELECT run_id FROM candidate))
        AND jobs.state = 'pending' AND runs.cancel_requested_at IS NULL AND runs.stop_requested_at IS NULL
      ORDER BY array_position(ARRAY(SELECT id FROM candidate), jobs.id) LIMIT 1
      FOR NO KEY UPDATE OF runs, jobs ${lock}
    ),
    taken AS MATERIALIZED (SELECT picked.*, ${NOW} AS "assignedAt" FROM picked),
    assigned AS (
      UPDATE jobs SET state = 'assigned', attempt = taken.attempt + 1 FROM taken WHERE jobs.id = taken.id
    ),
    raised AS (
      UPDATE runs SET version = version + 1 FROM taken WHERE runs.id = taken."runId" RETURNING version
    ),
    begun AS (
      INSERT INTO attempts (job_id, run_id, number, worker, lease_token, lease_until, assigned_at, log_bytes)
      SELECT id, "runId", attempt + 1, $1, $2, "assignedAt" + $3, "assignedAt", 0 FROM taken
    ),
    told AS (
      INSERT INTO events (run_id, at, type, job, attempt, data)
      SELECT "runId", "assignedAt", 'job.assigned', name, attempt + 1, json_build_object('worker', $1::text)::text
      FROM taken
    )
    SELECT EXISTS (SELECT 1 FROM candidate) AS "isWaiting", taken.*, raised.version
    FROM (VALUES (1)) AS one LEFT JOIN taken ON true LEFT JOIN raised ON true`;
}

interface ScopeCondition {
  ofJob: string;
  ofRun: string;
  values: string[];
}

function conditionOf(scope: ClaimScope): ScopeCondition {
  if (scope.kind === "runs")
    return {
      ofJob: "jobs.run_id = ANY (ARRAY(SELECT json_array_elements_text($4::text::json)))",
      ofRun: "true",
      values: [JSON.stringify(scope.runIds)],
    };
  return {
    ofJob: "(jobs.tags = '[]' OR jobs.tags::jsonb <@ $5::text::jsonb)",
    ofRun:
      "runs.mode = 'queue' AND runs.executor = ANY (ARRAY(SELECT json_array_elements_text($4::text::json)))",
    values: [JSON.stringify(scope.executors), tagsText(scope.labels)],
  };
}
