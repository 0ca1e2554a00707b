import type { Node } from "../node.ts";
import { list, located, type ReadContext, truth } from "../shape.ts";
import { object } from "../shape-object.ts";
import type { Span } from "../source.ts";
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

export const need = object(
  {
    job: {
      shape: located(name("a job's name")),
      about: "The job needed.",
      required: "name the job: job: compile",
      unless: ["project", "pipeline"],
    },
    artifacts: { shape: truth(), about: "Whether its artifacts are fetched. Default: true." },
    optional: { shape: truth(), about: "Whether the job may be absent. Default: false." },
    parallel: { shape: some, about: "Which instances of a multiplied job. Default: all." },
  },
  { noun: "a mapping with job, artifacts and optional", shorthand: "job", onUnknown: refuseRemote },
);

export const needs = list(need, { noun: "a list of jobs" });

/** Other projects and pipelines are not here. */
function refuseRemote(key: string, _value: Node, keySpan: Span, { report }: ReadContext): boolean {
  if (key !== "project" && key !== "pipeline") return false;
  const hint = "a run has only the jobs of its own file: build what is needed in one of them";
  report.error("CONFIG_INCLUDE_REMOTE", keySpan, `needs:${key} needs another ${key}`, hint);
  return true;
}
