import { checkJobs } from "../check-jobs.ts";
import { checkTriggers } from "../check-triggers.ts";
import { DEFAULT_STAGES, PIPELINE } from "../keywords/native.ts";
import { buildPipeline } from "./build-pipeline.ts";
import type { Front } from "./front.ts";

/** The native form: a name, and jobs under `jobs`. */
export const NATIVE: Front = {
  shape: PIPELINE,
  read(document, { imageRequired, defaultImage, children }, context) {
    const value = PIPELINE.read(document, context);
    if (value === undefined) return { name: undefined, pipeline: undefined };
    checkJobs(value, { imageRequired, stages: DEFAULT_STAGES, edges: [], stage: undefined }, context);
    checkTriggers(value.values.jobs, context);
    const pipeline = context.report.hasErrors ? undefined : buildPipeline(value, { children, defaultImage });
    return { name: value.values.name, pipeline };
  },
};
