import type { MapNode, Node } from "../node.ts";
import type { ReadContext } from "../shape.ts";
import type { ComposeOptions, Composition } from "./compose.ts";
import { extendJobs } from "./extends.ts";
import { isHidden, jobsOf, withJobs } from "./jobs-of.ts";
import { Budget } from "./limits.ts";
import { Resolver } from "./references.ts";

/** As in GitLab: what is included, then templates, then references; then templates are gone. */
export function composeParts(root: Node, options: ComposeOptions, context: ReadContext): Composition {
  const budget = new Budget(context.report);
  for (const key of ["include", "spec"]) {
    const entry = (root as MapNode).entries.get(key);
    if (entry !== undefined)
      context.report.error("CONFIG_NOT_SUPPORTED", entry.keySpan, `"${key}" is not supported yet`);
  }
  const extended = composeJobs(root as MapNode, options, budget, context);
  const isFine = budget.takeShared(extended);
  return { node: isFine ? extended : undefined, sources: [], wanted: null };
}

function composeJobs(root: MapNode, { form }: ComposeOptions, budget: Budget, context: ReadContext): MapNode {
  const isReferred = root.span.source.text.includes("!reference");
  const jobs = extendJobs(jobsOf(root, form), (name) => isReferred || !isHidden(name), budget, context);
  const kept = new Map([...jobs].filter(([name]) => !isHidden(name)));
  const whole = withJobs(root, form, kept);
  if (!isReferred) return whole;
  const resolver = new Resolver([jobs, root.entries], budget, context);
  return resolver.resolve(whole) as MapNode;
}
