import { NO_FACTS } from "../../src/pipeline/facts.ts";
import { parsePipeline } from "../../src/pipeline/parse-pipeline.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import { createPlan, type PlanOptions } from "../../src/plan/create-plan.ts";
import type { Plan } from "../../src/plan/plan.ts";

/** `variables`: of `--var`. */
type TestOptions = Partial<PlanOptions> & { variables?: Record<string, string> };

/** The pipeline with these lines under `jobs:`. */
export function pipelineOf(jobs: string, head = ""): Pipeline {
  const text = `name: web\n${head}\ndefault: { image: busybox }\njobs:\n${jobs}`;
  const { pipeline, diagnostics } = parsePipeline(text, { file: "web.yml" });
  if (pipeline === undefined)
    throw new Error(diagnostics.map(({ line, message }) => `${line}: ${message}`).join("\n"));
  return pipeline;
}

export function planOf(jobs: string, { variables = {}, ...options }: TestOptions = {}, head = ""): Plan {
  const { plan, problems } = createPlan(pipelineOf(jobs, head), {
    facts: { ...NO_FACTS, run: variables },
    ...options,
  });
  if (plan === undefined) throw new Error(problems.map(({ message }) => message).join("\n"));
  return plan;
}
