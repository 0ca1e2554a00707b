import type { MapNode, Node } from "../node.ts";
import type { ReadContext } from "../shape.ts";
import type { Source } from "../source.ts";
import type { ComposeOptions, Composition } from "./compose.ts";
import { extendJobs } from "./extends.ts";
import { Includer } from "./include.ts";
import { isHidden, jobsOf, withJobs } from "./jobs-of.ts";
import { Budget } from "./limits.ts";
import { Resolver } from "./references.ts";

/** As in GitLab: what is included, then templates, then references; then templates are gone. */
export function composeParts(root: Node, options: ComposeOptions, context: ReadContext): Composition {
  const { report } = context;
  const budget = new Budget(report);
  const own = root as MapNode;
  const inputs = own.entries.get("spec");
  if (inputs !== undefined)
    report.error("CONFIG_NOT_SUPPORTED", inputs.keySpan, '"spec" is not supported yet', "use variables");
  const includer = new Includer(options, context);
  const { file } = own.span.source;
  const merged = includer.include(own, [file]);
  const { sources, wanted } = includer;
  if (wanted !== null) return { node: undefined, sources, wanted };
  const composed = composeJobs(merged, [own.span.source, ...sources], options, budget, context);
  return { node: budget.takeShared(composed) ? composed : undefined, sources, wanted };
}

function composeJobs(
  root: MapNode,
  sources: Source[],
  { form }: ComposeOptions,
  budget: Budget,
  context: ReadContext,
): MapNode {
  const isReferred = sources.some(({ text }) => text.includes("!reference"));
  const jobs = extendJobs(jobsOf(root, form), (name) => isReferred || !isHidden(name), budget, context);
  const kept = new Map([...jobs].filter(([name]) => !isHidden(name)));
  const whole = withJobs(root, form, kept);
  if (!isReferred) return whole;
  const resolver = new Resolver([jobs, root.entries], budget, context);
  return resolver.resolve(whole) as MapNode;
}
