import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary } from "../support/binary.ts";
import { finish } from "../support/sandbox.ts";
import { scriptsTestImages } from "../support/scripts.ts";

const ROOT = join(import.meta.dir, "../..");

interface Job {
  name: string;
  status: string;
  artifacts: { path: string; sizeBytes: number }[];
}

test("the project's own pipeline is green when cicd runs it, and its report has every job", async () => {
  await scriptsTestImages("ci");
  const state = await mkdtemp(join(tmpdir(), "cicd-own-pipeline-"));
  try {
    const executable = await binary();
    const cicd = (...args: string[]) =>
      finish(
        Bun.spawn([executable, ...args], {
          cwd: ROOT,
          env: { PATH: process.env.PATH ?? "", HOME: state, CICD_STATE_DIR: join(state, "cicd") },
          stdin: "ignore",
          stdout: "pipe",
          stderr: "pipe",
        }),
      );
    const run = await cicd("run", "-p", "ci");
    if (run.status !== 0) throw new Error(`cicd run ended with ${run.status}:\n${run.stderr}${run.stdout}`);

    const reported = await cicd("report", "-p", "ci", "--run", "1", "--json");
    const { run: record } = JSON.parse(reported.stdout) as {
      run: { status: string; stages: { name: string; jobs: Job[] }[] };
    };
    expect(record.status).toBe("success");
    const jobs = record.stages.map(({ name, jobs }) => [name, jobs.map((job) => [job.name, job.status])]);
    expect(jobs).toEqual([
      [
        "check",
        [
          ["format", "success"],
          ["types", "success"],
        ],
      ],
      ["build", [["build", "success"]]],
      [
        "test",
        [
          ["unit", "success"],
          ["executable", "success"],
        ],
      ],
    ]);
    const [made] = record.stages[1]!.jobs[0]!.artifacts;
    expect(made).toMatchObject({ path: "dist/cicd" });
    expect(made!.sizeBytes).toBeGreaterThan(50_000_000);

    const log = await cicd("logs", "-p", "ci", "--run", "1", "--job", "unit");
    expect(log.stdout).toMatch(/^[1-9]\d+ passed, 0 failed$/m);
  } finally {
    await rm(state, { recursive: true, force: true });
  }
}, 600_000);
