import type { JobJson, RunJson, StageJson } from "../../src/app/shapes.ts";

const AT = "2026-11-23T14:05:09.000Z";

export function job(name: string, stageName: string, change: Partial<JobJson> = {}): JobJson {
  return {
    name,
    stage: stageName,
    status: "success",
    allowFailure: false,
    failureReason: null,
    exitCode: 0,
    attempt: 1,
    image: "node:22",
    needs: [],
    note: null,
    startedAt: AT,
    finishedAt: AT,
    durationMs: 1000,
    artifacts: [],
    tests: null,
    delayedUntil: null,
    coverage: null,
    ...change,
  };
}

export function stage(name: string, jobs: JobJson[], change: Partial<StageJson> = {}): StageJson {
  const times = { startedAt: AT, finishedAt: AT, durationMs: 1000 };
  return { name, status: "success", warnings: false, ...times, jobs, ...change };
}

export function run(change: Partial<RunJson> = {}): RunJson {
  return {
    id: "r1",
    number: 12,
    pipeline: "web",
    repo: "/home/ann/repo",
    branch: "main",
    tag: null,
    commit: "0123456789abcdef0123456789abcdef01234567",
    commitMessage: "Begin",
    dirty: false,
    dirtyFiles: { modified: 0, untracked: 0 },
    trigger: "cli",
    executor: "docker",
    status: "success",
    warnings: false,
    createdAt: AT,
    startedAt: AT,
    finishedAt: AT,
    durationMs: 1000,
    awaits: [],
    stages: [],
    ...change,
  };
}
