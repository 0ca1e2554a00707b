import { checkJobs } from "../check-jobs.ts";
import { DEFAULT_STAGES, PIPELINE } from "../keywords/native.ts";
import type { Node } from "../node.ts";
import { buildPipeline } from "./build-pipeline.ts";
import type { Front } from "./front.ts";
import { withoutHidden } from "./hidden-jobs.ts";

/** The native form: a name, and jobs under `jobs`. */
export const NATIVE: Front = {
  shape: PIPELINE,
  read(document, { imageRequired }, context) {
    const value = PIPELINE.read(withJobsAlone(document), context);
    if (value === undefined) return { name: undefined, pipeline: undefined };
    checkJobs(value, { imageRequired, stages: DEFAULT_STAGES, edges: [], stage: undefined }, context);
    const pipeline = context.report.hasErrors ? undefined : buildPipeline(value);
    return { name: value.values.name, pipeline };
  },
};

function withJobsAlone(document: Node): Node {
  if (document.kind !== "map") return document;
  const entry = document.entries.get("jobs");
  if (entry?.value.kind !== "map") return document;
  const jobs = withoutHidden(entry.value);
  if (jobs === entry.value) return document;
  return { ...document, entries: new Map(document.entries).set("jobs", { ...entry, value: jobs }) };
}
