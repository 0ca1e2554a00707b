import type { DiagnosticCode } from "../pipeline/diagnostic.ts";
import type { Place } from "../pipeline/pipeline.ts";

/** What a plan was made in spite of; shown as a warning. `job` null: it concerns the run. */
export interface PlanNote {
  code: Extract<DiagnosticCode, `PLAN_${string}`>;
  message: string;
  job: string | null;
  at: Place;
}
