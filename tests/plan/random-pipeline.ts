import type { Random } from "../support/random.ts";

/** A pipeline apart from the form it is written in. */
export interface Abstract {
  stages: string[];
  /** What is set, of `NAMES`. */
  variables: Record<string, string>;
  jobs: AbstractJob[];
}

export interface AbstractJob {
  name: string;
  stage: string;
  when?: When;
  allow_failure?: boolean | { exit_codes: number[] };
  needs?: AbstractNeed[];
  dependencies?: string[];
  parallel?: number | { matrix: Record<string, string[]>[] };
  rules?: AbstractRule[];
  variables?: Record<string, string>;
  artifacts?: { paths: string[] };
}

export interface AbstractRule {
  if?: string;
  /** Of the condition, which is true where all of these are: the value it is compared with, null for "is not set". */
  all: { name: string; op: "==" | "!=" | "set"; value: string | null }[];
  when?: When | "never";
  allow_failure?: boolean;
  variables?: Record<string, string>;
  needs?: AbstractNeed[];
}

export interface AbstractNeed {
  job: string;
  optional?: boolean;
  artifacts?: boolean;
  parallel?: { matrix: Record<string, string[]>[] };
}

export type When = "on_success" | "on_failure" | "always" | "manual";

export const NAMES = ["W", "X", "Y", "Z"] as const;
const WHEN: When[] = ["on_success", "on_success", "on_failure", "always", "manual"];
const OS = ["linux", "darwin", "bsd"];

export function randomPipeline(random: Random): Abstract {
  const stages = Array.from({ length: 1 + random.below(4) }, (_, index) => `s${index}`);
  const values = NAMES.filter(() => random.chance(0.7)).map((name) => [name, random.pick(["1", "2", ""])]);
  const jobs: AbstractJob[] = [];
  const count = 1 + random.below(12);
  for (let index = 0; index < count; index += 1) jobs.push(randomJob(random, `j${index}`, stages, jobs));
  return { stages, variables: Object.fromEntries(values), jobs };
}

/** It may need any of `before`: those of a later stage are no choice. */
export function randomJob(
  random: Random,
  name: string,
  stages: string[],
  before: readonly AbstractJob[],
): AbstractJob {
  const stage = random.pick(stages);
  const earlier = before.filter((other) => stages.indexOf(other.stage) <= stages.indexOf(stage));
  const needs = () => earlier.filter(() => random.chance(0.3)).map((other) => randomNeed(random, other));
  return {
    name,
    stage,
    ...(random.chance(0.4) ? { when: random.pick(WHEN) } : {}),
    ...(random.chance(0.3) ? { allow_failure: random.pick([true, false, { exit_codes: [3] }]) } : {}),
    ...(random.chance(0.4) ? { needs: needs() } : {}),
    ...(random.chance(0.2)
      ? { parallel: random.pick([1, 2, { matrix: [{ OS: OS.slice(0, 2) }] }, MATRIX]) }
      : {}),
    ...(random.chance(0.5) ? { rules: randomRules(random, needs) } : {}),
    ...(random.chance(0.3) ? { variables: { [random.pick(NAMES)]: random.pick(["1", "2", "$W"]) } } : {}),
    ...(random.chance(0.4) ? { artifacts: { paths: [`${name}.txt`] } } : {}),
  };
}

const MATRIX = { matrix: [{ OS: ["linux"], CPU: ["x", "y"] }, { OS: ["bsd"] }] };

function randomNeed(random: Random, { name, parallel }: AbstractJob): AbstractNeed {
  const isMatrix = typeof parallel === "object" && random.chance(0.5);
  return {
    job: name,
    ...(random.chance(0.7) ? { optional: true } : {}),
    ...(random.chance(0.3) ? { artifacts: random.chance(0.5) } : {}),
    ...(isMatrix ? { parallel: { matrix: [{ OS: ["linux"] }] } } : {}),
  };
}

function randomRules(random: Random, needs: () => AbstractNeed[]): AbstractRule[] {
  return Array.from({ length: random.below(4) }, () => {
    const all = Array.from({ length: random.below(3) }, () => {
      const op = random.pick(["==", "!=", "set"] as const);
      return { name: random.pick(NAMES), op, value: op === "set" ? null : random.pick(["1", "2", null]) };
    });
    return {
      all,
      ...(all.length > 0 ? { if: all.map(written).join(" && ") } : {}),
      ...(random.chance(0.5) ? { when: random.pick([...WHEN, "never" as const]) } : {}),
      ...(random.chance(0.2) ? { allow_failure: random.chance(0.5) } : {}),
      ...(random.chance(0.2) ? { variables: { RULED: "yes" } } : {}),
      ...(random.chance(0.1) ? { needs: needs() } : {}),
    };
  });
}

function written({ name, op, value }: AbstractRule["all"][number]): string {
  return op === "set" ? `$${name}` : `$${name} ${op} ${value === null ? "null" : `"${value}"`}`;
}

const keysOf = ({ name: _name, rules, ...job }: AbstractJob) => ({
  ...job,
  script: ["true"],
  ...(rules === undefined
    ? {}
    : {
        rules: rules.map(({ all: _all, ...rule }) =>
          rule.if === undefined && Object.keys(rule).length === 0 ? { when: job.when ?? "on_success" } : rule,
        ),
      }),
});

/** One job a line, in the native form. */
export function toNative({ stages, variables, jobs }: Abstract): string {
  const head = { stages, variables, default: { image: "busybox" } };
  const lines = Object.entries(head).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return `name: p\n${lines.join("\n")}\njobs:\n${jobs.map((job) => `  ${job.name}: ${JSON.stringify(keysOf(job))}`).join("\n")}\n`;
}

/** The same as a `.gitlab-ci.yml`. */
export function toGitlab({ stages, variables, jobs }: Abstract): string {
  const head = { stages, variables, image: "busybox" };
  const lines = Object.entries(head).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return `${lines.join("\n")}\n${jobs.map((job) => `${job.name}: ${JSON.stringify(keysOf(job))}`).join("\n")}\n`;
}
