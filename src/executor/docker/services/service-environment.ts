import type { Service } from "../../../pipeline/pipeline.ts";
import type { AttemptSpec } from "../../../run/executor.ts";

/** The job's, and over it the service's own, whose values are final. */
export function serviceEnvironment(
  { environment }: Pick<AttemptSpec, "environment">,
  { variables }: Service,
): Record<string, string> {
  const own = Object.entries(variables).map(([name, said]) => [
    name,
    typeof said === "string" ? said : said.value,
  ]);
  return { ...environment, ...Object.fromEntries(own) };
}
