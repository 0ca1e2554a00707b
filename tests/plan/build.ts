import { parsePipeline } from "../../src/pipeline/parse-pipeline.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import { createPlan, type PlanOptions } from "../../src/plan/create-plan.ts";
import type { Plan } from "../../src/plan/plan.ts";

/** The pipeline with these lines under `jobs:`. */
export function pipelineOf(jobs: string, head = ""): Pipeline {
  const text = `name: web\n${head}\ndefault: { image: busybox }\njobs:\n${jobs}`;
  const { pipeline, diagnostics } = parsePipeline(text, { file: "web.yml" });
  if (pipeline === undefined)
    throw new Error(diagnostics.map(({ line, message }) => `${line}: ${message}`).join("\n"));
  return pipeline;
}

export function planOf(jobs: string, options: PlanOptions = {}, head = ""): Plan {
  const { plan, problems } = createPlan(pipelineOf(jobs, head), options);
  if (plan === undefined) throw new Error(problems.map(({ message }) => message).join("\n"));
  return plan;
}
