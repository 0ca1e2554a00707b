import { expect } from "bun:test";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { RunDetail } from "../../src/run/store.ts";
import { counted, type Fleet } from "../support/fleet.ts";
import { plannedJob, planOf } from "../support/plans.ts";

/** The run succeeded in one attempt, which printed all its lines, each once and in order. */
export function expectWhole(detail: RunDetail, output: string, lines: number): void {
  expect(output).toBe(counted(lines));
  expect(detail.run.status).toBe("success");
  expect(detail.attempts).toHaveLength(1);
}

const JOBS_PER_RUN = 20;

/** Has the fleet run so many jobs, and checks that each of them was run once and has one recorded outcome. */
export async function race(fleet: Fleet, jobs: number): Promise<void> {
  const trace = join(fleet.stateDir, `trace-${crypto.randomUUID()}`);
  const script = [`echo "$CI_JOB_ID" >>${trace}`];
  const names = Array.from({ length: JOBS_PER_RUN }, (_, index) => `job${index}`);
  const plan = planOf(names.map((name) => plannedJob(name, { image: null, script })));
  const runs = await Promise.all(Array.from({ length: jobs / JOBS_PER_RUN }, () => fleet.run(plan)));
  const details: RunDetail[] = [];
  for (const { id } of runs) details.push(await fleet.ended(id, 300_000));
  const ran = (await readFile(trace, "utf8")).split("\n").filter((line) => line !== "");
  expect(ran).toHaveLength(jobs);
  expect(new Set(ran).size).toBe(jobs);
  for (const { run, attempts } of details) {
    expect(run.status).toBe("success");
    expect(attempts.map(({ number, outcome }) => `${number} ${outcome}`)).toEqual(
      names.map(() => "1 success"),
    );
  }
  await rm(trace);
}
