import { checkJobs } from "../check-jobs.ts";
import { PIPELINE } from "../keywords/native.ts";
import { buildPipeline } from "./build-pipeline.ts";
import type { Front } from "./front.ts";

/** The native form: a name, and jobs under `jobs`. */
export const NATIVE: Front = {
  shape: PIPELINE,
  read(document, { imageRequired }, context) {
    const value = PIPELINE.read(document, context);
    if (value === undefined) return { name: undefined, pipeline: undefined };
    checkJobs(value, imageRequired, context);
    const pipeline = context.report.hasErrors ? undefined : buildPipeline(value);
    return { name: value.values.name, pipeline };
  },
};
