import type { Plan, PlannedJob } from "../../src/plan/plan.ts";
import type { NewRun } from "../../src/run/store.ts";
import type { Random } from "./random.ts";

export function plannedJob(name: string, change: Partial<PlannedJob> = {}): PlannedJob {
  return {
    name,
    origin: name,
    at: { file: "web.yml", line: 1, column: 1 },
    node: null,
    why: [],
    stage: "build",
    stageIndex: 0,
    image: { name: "busybox", entrypoint: undefined, pullPolicy: "if-not-present" },
    beforeScript: [],
    script: ["true"],
    afterScript: [],
    needs: null,
    artifactsFrom: [],
    when: "on_success",
    allowFailure: false,
    artifacts: null,
    variables: {},
    inheritVariables: true,
    startInMs: null,
    services: [],
    caches: [],
    secrets: [],
    environment: null,
    coverage: null,
    resourceGroup: null,
    preGetSources: [],
    trigger: null,
    timeoutMs: 3_600_000,
    retry: { max: 0, when: [], exitCodes: [] },
    tags: [],
    interruptible: false,
    ...change,
  };
}

/** Stages come from the jobs, in the order of their `stageIndex`. */
export function planOf(jobs: PlannedJob[], name = "web"): Plan {
  const sorted = [...jobs].sort((a, b) => a.stageIndex - b.stageIndex);
  const stages = [...new Set(sorted.map(({ stage }) => stage))];
  return {
    pipeline: name,
    stages,
    jobs: sorted,
    leftOut: [],
    workflow: [],
    origin: { source: null, defaultBranch: null },
    variables: { global: {}, run: {} },
  };
}

export function newRun(id: string, plan: Plan, change: Partial<NewRun> = {}): NewRun {
  return {
    id,
    pipeline: plan.pipeline,
    source: {
      repo: { key: "/repo", name: "repo" },
      branch: "main",
      tag: null,
      commit: "0123456789abcdef0123456789abcdef01234567",
      commitMessage: "Begin",
      tree: "89abcdef0123456789abcdef0123456789abcdef",
      dirty: null,
    },
    trigger: "cli",
    mode: "queue",
    executor: "fake",
    owner: null,
    plan,
    overrides: [],
    delivery: null,
    after: null,
    parent: null,
    ...change,
  };
}

/**
 * One to six jobs in one to three stages, unless more are asked for, with every kind of edge, condition and policy; with `delayMs`
 * there are delayed jobs and resource groups, too.
 */
export function randomPlan(
  random: Random,
  { delayMs = 0, ...most }: { jobs: number; stages: number; delayMs?: number } = { jobs: 6, stages: 3 },
): Plan {
  const stageCount = 1 + random.below(most.stages);
  const jobs: PlannedJob[] = [];
  const count = 1 + random.below(most.jobs);
  for (let index = 0; index < count; index += 1) {
    const stageIndex = Math.min(stageCount - 1, Math.floor((index * stageCount) / count));
    const earlier = jobs.map(({ name }) => name);
    const hasNeeds = random.chance(0.4);
    jobs.push(
      plannedJob(`j${index}`, {
        stage: `s${stageIndex}`,
        stageIndex,
        needs: hasNeeds ? earlier.filter(() => random.chance(0.5)) : null,
        when: random.pick([
          "on_success",
          "on_success",
          "on_success",
          "on_failure",
          "always",
          "manual",
        ] as const),
        allowFailure: random.pick([
          false,
          false,
          true,
          { exitCodes: [3] },
        ] as const) as PlannedJob["allowFailure"],
        retry: {
          max: random.pick([0, 0, 1, 2] as const),
          when: random.chance(0.3) ? [random.pick(["worker_lost", "script_failure"] as const)] : [],
          exitCodes: [],
        },
        ...(delayMs > 0 ? randomWait(random, delayMs) : {}),
      }),
    );
  }
  const used = [...new Set(jobs.map(({ stageIndex }) => stageIndex))].sort();
  return planOf(jobs.map((job) => ({ ...job, stageIndex: used.indexOf(job.stageIndex) })));
}

function randomWait(random: Random, delayMs: number): Partial<PlannedJob> {
  return {
    ...(random.chance(0.2) ? { when: "delayed", startInMs: 1 + random.below(delayMs) } : {}),
    ...(random.chance(0.3) ? { resourceGroup: random.pick(["g", "h"]) } : {}),
  };
}
