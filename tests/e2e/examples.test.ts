import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import type { JobJson, RunJson } from "../../src/app/shapes.ts";
import { EXAMPLES, type Example, examples, type Step } from "../support/examples.ts";
import { testImage } from "../support/images.ts";
import { Sandbox } from "../support/sandbox.ts";

/** So many run at the same time, in one repository with one state directory. */
const AT_ONCE = 4;
const ALL = examples();

interface Outcome {
  status: number | null;
  run: RunJson | undefined;
  logs: Map<string, string>;
  said: string;
}

let sandbox: Sandbox;
const outcomes = new Map<Example, PromiseWithResolvers<Outcome[]>>(
  ALL.map((example) => [example, Promise.withResolvers()]),
);

beforeAll(async () => {
  await testImage("busybox");
  sandbox = await Sandbox.open({ "README.md": "Examples\n" });
  const inRepo = join(sandbox.repo, "docs/examples");
  for (const name of ["quickstart", "templates", "hello.yml"])
    cpSync(join(EXAMPLES, name), join(inRepo, name), { recursive: true });
  for (const example of ALL) await Bun.write(fileOf(example), forTests(example));
  await sandbox.git("add", ".");
  await sandbox.git("commit", "-q", "-m", "Show examples");
  await sandbox.git("checkout", "-q", "-b", "topic");
  await sandbox.write({ "docs/examples/quickstart/pages/about.txt": "Changed\n" });
  await sandbox.git("commit", "-q", "-a", "-m", "Change a page");
  const left = ALL.values();
  for (let worker = 0; worker < AT_ONCE; worker++) void runAll(left);
}, 30_000);
afterAll(() => sandbox[Symbol.asyncDispose]());

async function runAll(left: Iterable<Example>): Promise<void> {
  for (const example of left) {
    const { resolve, reject } = outcomes.get(example)!;
    await runSteps(example).then(resolve, reject);
  }
}

/** Beside the repository: every job has all files of that, and many small files are most of the work. */
function fileOf({ name, form }: Example): string {
  const file = form === "native" ? `${name}.yml` : `${name}/.gitlab-ci.yml`;
  return join(sandbox.directory, "examples", file);
}

/** With an image that is there without a registry. */
function forTests({ text }: Example): string {
  return text.replace(/\b(image|name|IMAGE): busybox\b/g, "$1: cicd-test/busybox:1");
}

async function runSteps(example: Example): Promise<Outcome[]> {
  const done: Outcome[] = [];
  for (const { command } of example.steps) {
    const [verb, ...args] = command;
    const of = verb === "retry" ? runArguments(done.at(-1)!.run!) : fileArguments(example);
    const format = verb === "check" ? [] : ["--json"];
    const { status, stdout, stderr } = await sandbox.cicd(verb!, ...format, ...of, ...args);
    done.push({ status, ...read(stdout), said: stdout + stderr });
  }
  return done;
}

function fileArguments(example: Example): string[] {
  return ["-f", fileOf(example), "--executor", example.needsDocker ? "docker" : "shell"];
}

function runArguments({ pipeline, number }: RunJson): string[] {
  return ["-p", pipeline, "--run", String(number)];
}

/** What the events of `--json` say. */
function read(stdout: string): Pick<Outcome, "run" | "logs"> {
  const logs = new Map<string, string>();
  let run: RunJson | undefined;
  for (const line of stdout.split("\n").filter((text) => text.startsWith('{"type"'))) {
    const event = JSON.parse(line);
    if (event.type === "job.log") logs.set(event.job, (logs.get(event.job) ?? "") + event.text);
    if (event.type === "run.finished" && !event.run.pipeline.includes("/")) run = event.run;
  }
  return { run, logs };
}

describe("the example", () => {
  for (const example of ALL) {
    test(`${example.name}, in the ${example.form} form, does what it says`, async () => {
      const done = await outcomes.get(example)!.promise;
      expect(example.steps.length).toBeGreaterThan(0);
      for (const [index, step] of example.steps.entries())
        expect(seen(step, done[index]!)).toEqual(wanted(step));
    }, 60_000);
  }
});

/** Every line of a step that is no statement about one job's log or the like holds for all jobs: none may be missing. */
function wanted({ expected }: Step): string[] {
  const exit = expected.some((line) => line.startsWith("exit ")) ? [] : ["exit 0"];
  return [...expected, ...exit].sort();
}

/** The lines of the step as the outcome would have them, and one for every job that none of them names. */
function seen({ expected }: Step, { status, run, logs, said }: Outcome): string[] {
  const jobs = new Map(run?.stages.flatMap((stage) => stage.jobs.map((job) => [job.name, job])) ?? []);
  const named = new Set<string>();
  const lines = expected
    .filter((line) => !line.startsWith("exit "))
    .map((line) => {
      const [job, state] = splitAtLast(line, ": ");
      if (line.startsWith("says: "))
        return said.includes(line.slice(6)) ? line : `${line}, but ${said.slice(-500)}`;
      if (line.startsWith("order: ")) return inOrder(line, jobs);
      if (/^(not )?\[/.test(line)) return ofLog(line, logs);
      if (line.includes(" keeps ")) return kept(line, jobs);
      named.add(job);
      return `${job}: ${stateOf(jobs.get(job), state.split(", "))}`;
    });
  const rest = [...jobs.values()].filter(({ name }) => !named.has(name));
  return [...lines, ...rest.map((job) => `unexpected ${job.name}: ${job.status}`), `exit ${status}`].sort();
}

function splitAtLast(line: string, separator: string): [before: string, after: string] {
  const at = line.lastIndexOf(separator);
  return [line.slice(0, at), line.slice(at + separator.length)];
}

/** As much of the job's state as was asked for. */
function stateOf(job: JobJson | undefined, asked: string[]): string {
  if (job === undefined) return "left out";
  const details = asked.slice(1).map((word) => {
    if (word.startsWith("exit code ")) return `exit code ${job.exitCode}`;
    return word.startsWith("attempt ") ? `attempt ${job.attempt}` : String(job.failureReason);
  });
  return [job.status, ...details].join(", ");
}

function inOrder(line: string, jobs: Map<string, JobJson>): string {
  const [first, second] = line
    .slice(7)
    .split(", ")
    .map((name) => jobs.get(name));
  const ended = first?.finishedAt ?? "unknown";
  const started = second?.startedAt ?? "never";
  return ended <= started ? line : `${line}, but ${ended} is after ${started}`;
}

function ofLog(line: string, logs: Map<string, string>): string {
  const isWanted = line.startsWith("[");
  const bare = isWanted ? line : line.slice(4);
  const job = [...logs.keys()].find((name) => bare.startsWith(`[${name}] `)) ?? "";
  const text = bare.slice(job.length + 3).replaceAll("cicd-test/busybox:1", "busybox");
  const log = (logs.get(job) ?? "").replaceAll("cicd-test/busybox:1", "busybox").split(/\r?\n/);
  return log.includes(text) === isWanted ? line : `${line}, but its log is ${JSON.stringify(log)}`;
}

function kept(line: string, jobs: Map<string, JobJson>): string {
  const [name] = line.split(" keeps ");
  const paths = jobs.get(name!)?.artifacts.map(({ path }) => path) ?? [];
  return `${name} keeps ${paths.length === 0 ? "nothing" : paths.join(", ")}`;
}
