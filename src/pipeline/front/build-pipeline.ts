import { DEFAULT_STAGES, type PipelineValue } from "../keywords/native.ts";
import type { Pipeline } from "../pipeline.ts";
import { buildJob, type JobContext } from "./build-job.ts";
import { buildOn } from "./build-on.ts";
import { buildOptions, buildVariables, buildWorkflow } from "./build-values.ts";

/** The pipeline of a file without errors: defaults applied, words of YAML turned into the model's. */
export function buildPipeline(
  value: PipelineValue,
  given: Pick<JobContext, "children" | "defaultImage">,
): Pipeline {
  const { name, stages, on, workflow, variables, jobs, default: defaults } = value.values;
  const context = { defaults: defaults?.values ?? {}, stage: "", ...given };
  return {
    form: "native",
    name: name?.value ?? "",
    stages: stages?.map((stage) => stage.value) ?? [...DEFAULT_STAGES],
    on: buildOn(on),
    workflow: buildWorkflow(workflow),
    variables: buildVariables(variables),
    ...buildOptions(variables),
    jobs: [...(jobs ?? [])].map(([jobName, job]) => buildJob(jobName, job.value!, job.keySpan, context)),
  };
}
