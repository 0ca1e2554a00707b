import type { JobValue } from "./keywords/native.ts";
import type { ReadContext } from "./shape.ts";
import type { Report, Span } from "./source.ts";

/**
 * `delayed` and `start_in` belong together. What a rule leaves out is the job's, so that a job's own `start_in` may be meant for its
 * rules.
 */
export function checkDelay({ values, keySpans }: JobValue, { report }: ReadContext): void {
  const hasDelay = keySpans.has("start_in");
  if (values.rules === undefined && !hasDelay && values.when !== "delayed") return;
  const rules = values.rules ?? [];
  const isTaken =
    rules.length === 0 ||
    rules.some((rule) => rule.values.when === undefined && !rule.keySpans.has("start_in"));
  if (values.when === "delayed" && !hasDelay && isTaken) reportMissing(keySpans.get("when")!, report);
  if (hasDelay && values.when !== "delayed" && !rules.some((rule) => rule.values.when === "delayed"))
    reportNeedless(keySpans.get("start_in")!, report);
  for (const { values: of, keySpans: spans } of rules) {
    const when = spans.has("when") ? of.when : values.when;
    if (of.when === "delayed" && !spans.has("start_in") && !hasDelay)
      reportMissing(spans.get("when")!, report);
    if (spans.has("start_in") && when !== "delayed") reportNeedless(spans.get("start_in")!, report);
  }
}

function reportMissing(span: Span, report: Report): void {
  report.error("CONFIG_START_IN", span, '"delayed" needs start_in', "say how long: start_in: 30 minutes");
}

function reportNeedless(span: Span, report: Report): void {
  report.error("CONFIG_START_IN", span, 'start_in without "delayed"', "write when: delayed beside it");
}
