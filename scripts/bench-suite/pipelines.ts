import { stringify } from "yaml";

/** A pipeline of jobs that do next to nothing, as each of the things compared would have it. */
export interface BenchPipeline {
  name: string;
  /** For `.cicd-pipelines/NAME.yml`, and without the name for `.gitlab-ci.yml`. */
  stages: string[];
  jobs: { name: string; stage: string; needs?: string[]; script: string }[];
  /** The same work by hand: a shell script of `docker run --rm`. `runJob` is the command of one job. */
  byHand(runJob: string, parallel: number): string;
}

export const IMAGE = "cicd-test/busybox:1";

/** 4 jobs in 3 stages. */
export const NO_OP: BenchPipeline = {
  name: "noop",
  stages: ["build", "test", "deploy"],
  jobs: [
    { name: "compile", stage: "build", script: "true" },
    { name: "unit", stage: "test", script: "true" },
    { name: "lint", stage: "test", script: "true" },
    { name: "release", stage: "deploy", script: "true" },
  ],
  byHand: (runJob) =>
    [
      "set -e",
      runJob,
      `${runJob} & unit=$!`,
      `${runJob} & lint=$!`,
      "wait $unit",
      "wait $lint",
      runJob,
      "",
    ].join("\n"),
};

/** Each job needs the one before it. */
export function chain(length: number): BenchPipeline {
  return {
    name: `chain-${length}`,
    stages: ["build"],
    jobs: numbers(length).map((n) => ({
      ...{ name: `link-${n}`, stage: "build", script: "true" },
      ...(n > 1 && { needs: [`link-${n - 1}`] }),
    })),
    byHand: (runJob) => `set -e\n${`${runJob}\n`.repeat(length)}`,
  };
}

/** No job waits for another. */
export function fan(width: number, script = "true"): BenchPipeline {
  return {
    name: `fan-${width}`,
    stages: ["build"],
    jobs: numbers(width).map((n) => ({ name: `job-${n}`, stage: "build", script })),
    byHand: (runJob, parallel) => `set -e\nseq ${width} | xargs -P ${parallel} -n 1 ${runJob}\n`,
  };
}

export function single(name: string, script: string): BenchPipeline {
  return {
    ...{ name, stages: ["build"], jobs: [{ name: "job", stage: "build", script }] },
    byHand: (runJob) => `${runJob}\n`,
  };
}

/** The text of a pipeline file, native or GitLab's. */
export function pipelineFile({ name, stages, jobs }: BenchPipeline, dialect: "native" | "gitlab"): string {
  const image = { image: IMAGE };
  const entries = jobs.map(({ name: job, ...body }) => [job, { ...body, script: [body.script] }]);
  const document =
    dialect === "native"
      ? { name, stages, default: image, jobs: Object.fromEntries(entries) }
      : { stages, default: image, ...Object.fromEntries(entries) };
  return stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
