import * as v from "valibot";
import type { ExplanationJson } from "../app/explanation.ts";
import { POINT_KINDS } from "../plan/describe-job.ts";
import { COUNT } from "./scalars.ts";
import { RULE_TRACE, STATUS } from "./shapes.ts";

/** The shape of `explain --json`: of one pipeline, as it would run now, or of a recorded run. */
export const EXPLANATION = v.object({
  pipeline: v.string(),
  run: v.nullable(v.object({ id: v.string(), number: COUNT, status: STATUS })),
  jobs: v.array(
    v.object({
      job: v.string(),
      state: v.union([STATUS, v.picklist(["planned", "left_out", "no_run"])]),
      verdict: v.string(),
      rules: v.array(RULE_TRACE),
      points: v.array(v.object({ about: v.picklist(POINT_KINDS), text: v.string() })),
    }),
  ),
});

type Out = v.InferOutput<typeof EXPLANATION>;

/** Does not compile where the schema and the type that is sent have parted. */
export const EXPLANATION_AGREES: [Out] extends [ExplanationJson]
  ? [ExplanationJson] extends [Out]
    ? true
    : never
  : never = true;
