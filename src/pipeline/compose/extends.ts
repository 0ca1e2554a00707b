import { describeNode, type Entry, type MapNode, type Node } from "../node.ts";
import type { ReadContext } from "../shape.ts";
import type { Span } from "../source.ts";
import type { Budget } from "./limits.ts";
import { countEntries, mergeMaps } from "./merge-nodes.ts";

/** Levels of templates that extend templates, as in GitLab. */
const MAX_LEVELS = 11;

interface Extended {
  value: Node;
  /** 0: it extends nothing. */
  levels: number;
}

/**
 * Jobs and templates with what they extend: the parents in their order, then what stands in the job itself; `extends` is gone. An
 * empty value of its own takes an inherited key away. Whatever is wrong with templates that no job extends is passed over.
 */
export function extendJobs(
  jobs: Map<string, Entry>,
  isWanted: (name: string) => boolean,
  budget: Budget,
  context: ReadContext,
): Map<string, Entry> {
  const extender = new Extender(jobs, budget, context);
  const extended = new Map<string, Entry>();
  for (const [name, entry] of jobs)
    extended.set(name, isWanted(name) ? { ...entry, value: extender.extend(name).value } : entry);
  return extended;
}

class Extender {
  private readonly done = new Map<string, Extended>();
  private readonly path: string[] = [];
  private readonly sizes = new Map<string, number>();

  constructor(
    private readonly jobs: Map<string, Entry>,
    private readonly budget: Budget,
    private readonly context: ReadContext,
  ) {}

  extend(name: string): Extended {
    const known = this.done.get(name);
    if (known !== undefined) return known;
    this.path.push(name);
    const extended = this.merge(this.jobs.get(name)!.value);
    this.path.pop();
    this.done.set(name, extended);
    return extended;
  }

  private merge(own: Node): Extended {
    const entry = own.kind === "map" ? own.entries.get("extends") : undefined;
    if (own.kind !== "map" || entry === undefined) return { value: own, levels: 0 };
    const rest = new Map(own.entries);
    rest.delete("extends");
    let inherited: MapNode = { kind: "map", span: own.span, entries: new Map() };
    let levels = 0;
    for (const { name, span } of this.parents(entry)) {
      const parent = this.parent(name, span);
      // What it lacks for want of its template is no further problem.
      if (parent === undefined || parent.value.kind === "broken")
        return { value: { kind: "broken", span: own.span }, levels: 0 };
      if (parent.value.kind !== "map") continue;
      levels = Math.max(levels, parent.levels + 1);
      if (!this.budget.take(this.sizeOf(name, parent.value), span)) break;
      inherited = mergeMaps(inherited, parent.value, "replace");
    }
    if (levels > MAX_LEVELS) this.report(entry.keySpan, `more than ${MAX_LEVELS} levels of templates`);
    return { value: mergeMaps(inherited, { ...own, entries: rest }, "remove"), levels };
  }

  private sizeOf(name: string, parent: MapNode): number {
    const size = this.sizes.get(name) ?? countEntries(parent);
    this.sizes.set(name, size);
    return size;
  }

  private parents({ value }: Entry): { name: string; span: Span }[] {
    const items = value.kind === "list" ? value.items : [value];
    return items.flatMap((item) => {
      if (item.kind === "scalar" && typeof item.value === "string")
        return [{ name: item.value, span: item.span }];
      if (item.kind !== "broken")
        this.context.report.error(
          "CONFIG_WRONG_TYPE",
          item.span,
          `expected the name of a job or template, or a list of them, found ${describeNode(item)}`,
        );
      return [];
    });
  }

  private parent(name: string, span: Span): Extended | undefined {
    if (!this.jobs.has(name)) {
      const { report, suggester } = this.context;
      const hint = report.has("CONFIG_INCLUDE_REMOTE")
        ? "it may stand in what cannot be included: copy that into the repository"
        : (suggester.hint(name, [...this.jobs.keys()]) ?? this.known());
      this.report(span, `there is no job or template "${name.slice(0, 80)}"`, hint);
      return undefined;
    }
    const at = this.path.indexOf(name);
    if (at < 0) return this.path.length > 2 * MAX_LEVELS ? this.tooDeep(span) : this.extend(name);
    const circle = [...this.path.slice(at), name].join(" → ");
    this.report(span, `templates extend each other in a circle: ${circle}`, "take one of these extends away");
    return undefined;
  }

  private tooDeep(span: Span): undefined {
    this.report(span, `more than ${MAX_LEVELS} levels of templates`);
  }

  private known(): string {
    const hidden = [...this.jobs.keys()].filter((name) => name.startsWith("."));
    return hidden.length === 0
      ? 'a template is a job whose name begins with a dot: ".base:"'
      : `templates here: ${hidden.slice(0, 12).join(", ")}`;
  }

  private report(span: Span, message: string, hint = "put what the levels share into one template"): void {
    this.context.report.error("CONFIG_EXTENDS", span, message, hint);
  }
}
