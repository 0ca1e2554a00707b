import { jobsOf } from "./compose/jobs-of.ts";
import type { MapNode } from "./node.ts";
import type { Form } from "./pipeline.ts";
import type { Span } from "./source.ts";

/** Pipelines below the one of a run, as in GitLab. */
export const MAX_TRIGGER_LEVELS = 2;

/** The jobs of a composed document that start pipelines; what is no mapping is left to the shapes. */
export function triggersOf(document: MapNode, form: Form): { name: string; trigger: MapNode; span: Span }[] {
  const found: { name: string; trigger: MapNode; span: Span }[] = [];
  for (const [name, { value }] of jobsOf(document, form)) {
    const entry = value.kind === "map" ? value.entries.get("trigger") : undefined;
    if (entry?.value.kind === "map") found.push({ name, trigger: entry.value, span: entry.keySpan });
  }
  return found;
}
