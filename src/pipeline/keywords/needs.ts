import { list, located, truth } from "../shape.ts";
import { object } from "../shape-object.ts";
import { matrix } from "./parallel.ts";
import { name } from "./values.ts";

const some = object(
  {
    matrix: {
      shape: matrix,
      about: "Values of the instances that are needed.",
      required: "give the values: matrix: [{ TARGET: linux }]",
    },
  },
  { noun: "a mapping with matrix" },
);

const own = object(
  {
    job: {
      shape: located(name("a job's name")),
      about: "The job needed.",
      required: "name the job: job: compile",
    },
    artifacts: { shape: truth(), about: "Whether its artifacts are fetched. Default: true." },
    optional: { shape: truth(), about: "Whether the job may be absent. Default: false." },
    parallel: { shape: some, about: "Which instances of a multiplied job. Default: all." },
  },
  { noun: "a mapping with job, artifacts and optional", shorthand: "job" },
);

/** One of another project or pipeline is refused as a whole: they are not here. */
export const need: typeof own = {
  ...own,
  read(node, context) {
    const key =
      node.kind === "map" ? ["project", "pipeline"].find((name) => node.entries.has(name)) : undefined;
    if (node.kind !== "map" || key === undefined) return own.read(node, context);
    const hint = "a run has only the jobs of its own file: build what is needed in one of them";
    const { keySpan } = node.entries.get(key)!;
    return context.report.error("CONFIG_INCLUDE_REMOTE", keySpan, `needs:${key} needs another ${key}`, hint);
  },
};

export const needs = list(need, { noun: "a list of jobs" });
