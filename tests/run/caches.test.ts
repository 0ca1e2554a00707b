import { expect, test } from "bun:test";
import { FakeExecutor } from "../../src/executor/fake/fake-executor.ts";
import type { Cache } from "../../src/pipeline/pipeline.ts";
import type { Plan, PlannedJob } from "../../src/plan/plan.ts";
import type { AttemptSpec, FileSelection } from "../../src/run/executor.ts";
import { Orchestra } from "../support/orchestra.ts";
import { plannedJob, planOf } from "../support/plans.ts";

const cacheOf = (change: Partial<Cache> = {}): Cache => ({
  key: { kind: "text", text: "modules" },
  paths: ["modules"],
  untracked: false,
  policy: "pull-push",
  when: "on_success",
  fallbackKeys: [],
  ...change,
});

/** What cicd says of caches in the log of the plan's one job, and what the job printed behind `got `. */
async function said(orchestra: Orchestra, change: Partial<PlannedJob>, plan: Partial<Plan> = {}) {
  const detail = await orchestra.run({ ...planOf([plannedJob("build", change)]), ...plan });
  const log = Bun.stripANSI(await orchestra.log(detail, "build"));
  return log.split("\n").flatMap((line) => {
    if (line.startsWith("cicd: ") && line.includes("cache ")) return [line.slice("cicd: ".length)];
    return line.startsWith("got ") ? [line] : [];
  });
}

const write = (text: string, cache: Partial<Cache> = {}): Partial<PlannedJob> => ({
  script: [`echo "got ${text}" > modules`],
  caches: [cacheOf(cache)],
});
const read = (cache: Partial<Cache> = {}): Partial<PlannedJob> => ({
  script: ["cat modules"],
  caches: [cacheOf({ policy: "pull", ...cache })],
});

test("what one run saves the next restores, and the log says so", async () => {
  await using orchestra = await Orchestra.open();
  expect(await said(orchestra, write("one"))).toEqual([
    'cache "modules": nothing is stored',
    'cache "modules" saved (8 B)',
  ]);
  expect(await said(orchestra, write("one"))).toEqual([
    'cache "modules" restored (8 B)',
    'cache "modules" is unchanged',
  ]);
  expect(await said(orchestra, read())).toEqual(['cache "modules" restored (8 B)', "got one"]);
});

/** Says of every cache that nobody wrote to it. */
class Unwritten extends FakeExecutor {
  readonly asked: string[][] = [];
  readonly read: string[][] = [];

  override async start(spec: AttemptSpec, signal: AbortSignal) {
    const execution = await super.start(spec, signal);
    const collect = execution.collect.bind(execution);
    return Object.assign(execution, {
      isUntouched: async (_: string, { paths }: FileSelection) => this.asked.push(paths) > 0,
      collect: (selection: FileSelection, ...more: [never, never]) => {
        this.read.push(selection.paths);
        return collect(selection, ...more);
      },
    });
  }
}

test("one that nobody wrote to is not read again, unless it was made of other paths or by another key", async () => {
  await using orchestra = await Orchestra.open();
  await said(orchestra, write("one"));
  const executor = new Unwritten(orchestra.engine, "testinstance");
  const again = async (cache: Partial<Cache>) => {
    const job = plannedJob("build", write("one", cache));
    const detail = await orchestra.run(planOf([job]), { executor });
    return Bun.stripANSI(await orchestra.log(detail, "build"));
  };
  expect(await again({})).toContain('cache "modules" is unchanged');
  expect([executor.asked, executor.read]).toEqual([[["modules"]], []]);
  await again({ paths: ["modules", "more"] });
  await again({ key: { kind: "text", text: "new" }, fallbackKeys: ["modules"] });
  expect(executor.read).toEqual([["modules", "more"], ["modules"]]);
  expect(executor.asked).toHaveLength(1);
  await again({ paths: ["modules", "more"] });
  expect(executor.read).toHaveLength(2);
});

test("policy says whether it is restored and saved, also by a variable", async () => {
  await using orchestra = await Orchestra.open();
  expect(await said(orchestra, write("one", { policy: "push" }))).toEqual(['cache "modules" saved (8 B)']);
  const pull = { ...write("two", { policy: "$HOW" }), variables: { HOW: "pull" } };
  expect(await said(orchestra, pull)).toEqual(['cache "modules" restored (8 B)']);
  expect(await said(orchestra, { ...pull, variables: { HOW: "both" } })).toEqual([
    'warning: cache "modules" is not used: its policy is "both"',
  ]);
  expect(await said(orchestra, read())).toEqual(['cache "modules" restored (8 B)', "got one"]);
});

test("when says after which results it is saved; a time-out saves nothing", async () => {
  await using orchestra = await Orchestra.open();
  const saves = async (when: Cache["when"], last: string, change: Partial<PlannedJob> = {}) => {
    const job = write("x", { policy: "push", when });
    const lines = await said(orchestra, { ...job, script: [...job.script!, last], ...change });
    return lines.length > 0;
  };
  expect(await saves("on_success", "false")).toBe(false);
  expect(await saves("on_failure", "true")).toBe(false);
  expect(await saves("on_failure", "false")).toBe(true);
  expect(await saves("always", "false")).toBe(true);
  expect(await saves("always", "sleep 60", { timeoutMs: 50 })).toBe(false);
});

test("keys hold variables, follow files, and fall back", async () => {
  await using orchestra = await Orchestra.open({ files: { lock: "1" } });
  const text = (key: string): Partial<Cache> => ({ key: { kind: "text", text: key } });
  const files = (name: string, prefix?: string): Partial<Cache> => ({
    key: { kind: "files", files: [name], prefix },
  });
  const push = { policy: "push" };
  expect(await said(orchestra, write("a", { ...push, ...text("$CI_JOB_NAME-$NOTHING") }))).toEqual([
    'cache "build-" saved (6 B)',
  ]);
  expect(await said(orchestra, write("a", { ...push, ...text("$NOTHING") }))).toEqual([
    'cache "default" saved (6 B)',
  ]);
  expect(await said(orchestra, write("b", { ...push, ...files("none", "$CI_JOB_STAGE") }))).toEqual([
    'cache "build-default" saved (6 B)',
  ]);
  const [first] = await said(orchestra, write("c", { ...push, ...files("lock") }));
  expect(first).toMatch(/^cache "[0-9a-f]{40}" saved/);
  const fallbackKeys = ["$NOTHING", "nowhere", "build-default"];
  expect(await said(orchestra, read({ ...text("new"), fallbackKeys }))).toEqual([
    'cache "new": nothing is stored; cache "build-default" restored (6 B)',
    "got b",
  ]);
  const variables = { CACHE_FALLBACK_KEY: "build-" };
  expect(await said(orchestra, { ...read(text("new")), variables })).toEqual([
    'cache "new": nothing is stored; cache "build-" restored (6 B)',
    "got a",
  ]);
});

test("artifacts cover what a cache holds", async () => {
  await using orchestra = await Orchestra.open();
  await said(orchestra, write("cached"));
  const artifacts = {
    paths: ["modules"],
    exclude: [],
    when: "on_success",
    name: undefined,
    expireInMs: undefined,
  } as const;
  const make = plannedJob("make", {
    script: ['echo "got made" > modules'],
    artifacts: { ...artifacts, paths: ["modules"], exclude: [] },
  });
  const use = plannedJob("use", { ...read(), stage: "test", stageIndex: 1, artifactsFrom: ["make"] });
  const log = await orchestra.log(await orchestra.run(planOf([make, use])), "use");
  expect(log).toContain("restored");
  expect(log).toContain("got made");
});

test("untracked is everything that is not in the snapshot", async () => {
  await using orchestra = await Orchestra.open({ files: { tracked: "1" } });
  const script = ["echo changed > tracked", "echo x > new", "echo x > .git/config", "echo x > deep/new"];
  const artifacts = {
    paths: [],
    exclude: ["deep/**"],
    when: "always",
    name: undefined,
    expireInMs: undefined,
    untracked: true,
  } as const;
  const job = plannedJob("build", {
    script,
    artifacts: { ...artifacts, paths: [], exclude: ["deep/**"] },
    caches: [cacheOf({ paths: [], untracked: true })],
  });
  const detail = await orchestra.run(planOf([job]));
  expect(detail.artifacts.map(({ path }) => path)).toEqual(["new"]);
  expect(await orchestra.log(detail, "build")).toContain('cache "modules" saved (4 B)');
});

test("a fork's pull request neither reads what the team saves nor writes what it reads", async () => {
  await using orchestra = await Orchestra.open();
  const pullRequest = { number: 7, title: "x", sourceBranch: "x", targetBranch: "main", isFork: true };
  await said(orchestra, write("trusted"));
  expect(await said(orchestra, write("poisoned"), { pullRequest })).toEqual([
    'cache "modules": nothing is stored',
    'cache "modules" saved (13 B)',
  ]);
  expect(await said(orchestra, read())).toContain("got trusted");
  expect(await said(orchestra, read(), { pullRequest })).toContain("got poisoned");
  const other = { ...pullRequest, number: 8 };
  expect(await said(orchestra, read(), { pullRequest: other })).toEqual([
    'cache "modules": nothing is stored',
  ]);
  const own = { ...pullRequest, isFork: false };
  expect(await said(orchestra, read(), { pullRequest: own })).toContain("got trusted");
});

test("what matches nothing is said and not saved", async () => {
  await using orchestra = await Orchestra.open();
  expect(await said(orchestra, { script: ["true"], caches: [cacheOf({ policy: "push" })] })).toEqual([
    'warning: cache "modules": nothing matches "modules"',
    'cache "modules" is not saved: it would be empty',
  ]);
});
