import postgres from "postgres";
import type { Outcome } from "../../../src/run/records.ts";
import type { Store } from "../../../src/run/store.ts";
import { openPostgresStore } from "../../../src/store/postgres/open-postgres-store.ts";
import { newRun, plannedJob, planOf } from "../../../tests/support/plans.ts";
import { newSchema } from "../../../tests/support/postgres.ts";
import { ServerProcess } from "../../../tests/support/server.ts";
import type { Bench } from "../bench.ts";
import { atMost, type Finding, NotMeasurable, type Row, type Side, sideOf } from "../row.ts";
import { quantile } from "../statistics.ts";
import { multiplyRun, STORED_RUNS } from "../stored-runs.ts";

const MOST_MS = 50;
const REQUESTS_PER_ROUND = 20;
const JOBS = ["compile", "unit", "lint", "release"];
const MODEL = newRun(
  "model",
  planOf(
    JOBS.map((name) => plannedJob(name)),
    "stored",
  ),
);
const SUCCESS: Outcome = {
  status: "success",
  exitCode: 0,
  failureReason: null,
  message: null,
  logBytes: 0,
  logSha256: null,
  artifactLayer: null,
  artifacts: [],
};

export const apiReport: Row = {
  name: "api-report",
  title: "GET /api/v1/report over 10,000 runs stored in PostgreSQL, 95th percentile",
  isCheap: false,
  async measure(bench) {
    const database = await newSchema().catch((error: Error) => {
      throw new NotMeasurable(error.message);
    });
    try {
      await fill(database.url);
      await using server = await ServerProcess.open({ database: database.url });
      return await askAll(bench, server);
    } finally {
      await database.drop();
    }
  },
};

/** One run that went through all its states, and copies of it. */
async function fill(url: string): Promise<void> {
  {
    await using store = await openPostgresStore({ url });
    await store.createRun(MODEL);
    for (const _ of MODEL.plan.jobs) await runNext(store);
  }
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const database = {
      async columnsOf(table: string) {
        const columns = await sql<{ name: string }[]>`
          SELECT column_name AS name FROM information_schema.columns
          WHERE table_schema = current_schema AND table_name = ${table} ORDER BY ordinal_position`;
        return columns.map(({ name }) => name);
      },
      execute: async (text: string) => void (await sql.unsafe(text)),
    };
    await multiplyRun(database, MODEL.id);
  } finally {
    await sql.end();
  }
}

async function runNext(store: Store): Promise<void> {
  const lease = await store.claimJob({
    worker: "bench",
    token: crypto.randomUUID(),
    leaseMs: 60_000,
    scope: { kind: "runs", runIds: [MODEL.id] },
  });
  if (lease === undefined) throw new Error("there is no job to claim");
  await store.execute(MODEL.id, { type: "start", lease, containerName: "bench" });
  await store.execute(MODEL.id, { type: "finish", lease, outcome: SUCCESS });
}

async function askAll(bench: Bench, { url, token }: ServerProcess): Promise<Finding[]> {
  const forms = [
    ["report", {}],
    ["report of a pipeline", { pipeline: MODEL.pipeline, summariesOnly: "true" }],
    ["report of a run", { pipeline: MODEL.pipeline, number: String(STORED_RUNS / 2) }],
  ] as const;
  const sides: Side[] = [];
  for (const [name, query] of forms) {
    const search = new URLSearchParams({ repo: MODEL.source.repo.key, ...query });
    const ask = () => timeRequest(`${url}/api/v1/report?${search}`, token);
    await ask();
    const samples: number[] = [];
    for (let n = 0; n < bench.rounds * REQUESTS_PER_ROUND; n++) samples.push(await ask());
    sides.push(sideOf(name, "ms", samples));
  }
  return sides.map((side) =>
    atMost(`API: ${side.name}, 95th percentile`, side, MOST_MS, quantile(side.samples, 0.95)),
  );
}

/** From the request to the last byte of its answer, in milliseconds. */
async function timeRequest(url: string, token: string): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return performance.now() - startedAt;
}
