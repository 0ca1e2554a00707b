import { NO_FACTS } from "../pipeline/facts.ts";
import type { Job, Pipeline } from "../pipeline/pipeline.ts";
import { instancesOf } from "./matrix.ts";
import type { PlanNote } from "./plan-note.ts";
import { isDoubtful, plannedImages } from "./planned-images.ts";

/**
 * What a plan of the pipeline may be warned of, as far as the file alone can tell: images with variables that no rule, matrix or
 * mapping of it defines, and services that need privileges. Of each job, in a run or not.
 */
export function imageDoubts(pipeline: Pipeline): PlanNote[] {
  const notes: PlanNote[] = [];
  const ruled = (pipeline.workflow.rules ?? []).map((rule) => rule.variables);
  for (const job of pipeline.jobs) {
    if (!(job.image !== undefined && isDoubtful(job.image)) && !job.services.some(isDoubtful)) continue;
    const global = Object.assign({}, pipeline.variables, ...ruled);
    plannedImages({ job, name: job.name, variables: everGiven(job) }, global, NO_FACTS, notes);
  }
  return notes;
}

/** With those of every rule and of the matrix. */
function everGiven(job: Job): Job["variables"] {
  const ofRules = (job.rules ?? []).map((rule) => rule.variables);
  const ofMatrix = job.parallel === undefined ? [] : instancesOf(job).map(({ values }) => values);
  return Object.assign({}, job.variables, ...ofMatrix, ...ofRules);
}
