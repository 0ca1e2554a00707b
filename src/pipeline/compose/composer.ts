import type { YamlFile } from "../document.ts";
import type { MapNode } from "../node.ts";
import type { ReadContext } from "../shape.ts";
import type { Source } from "../source.ts";
import type { ComposeOptions, FilesWanted } from "./compose.ts";
import { extendJobs } from "./extends.ts";
import { Includer } from "./include.ts";
import { isHidden, jobsOf, withJobs } from "./jobs-of.ts";
import { Budget } from "./limits.ts";
import { Resolver } from "./references.ts";

/**
 * Makes the documents of one parse whole: that of the pipeline and those of its children. As in GitLab: inputs and what is included,
 * then templates, then references; then templates are gone.
 */
export class Composer {
  private readonly budget: Budget;
  private readonly includer: Includer;

  constructor(
    private readonly options: ComposeOptions,
    private readonly context: ReadContext,
  ) {
    this.budget = new Budget(context.report);
    this.includer = new Includer(options, this.budget, context);
  }

  /** Of the included files, in the order of their first use. */
  get sources(): Source[] {
    return this.includer.sources;
  }

  /** Null: nothing; else what was made so far says nothing. */
  get wanted(): FilesWanted | null {
    return this.includer.wanted;
  }

  /** The file and what it includes. Undefined: a problem was reported, or something is wanted. */
  compose(file: YamlFile): MapNode | undefined {
    const { source } = file.root.span;
    const own = this.includer.ownDocument(file);
    if (own === undefined) return undefined;
    return this.whole(this.includer.include(own, { files: [source.file], ancestors: [] }), source);
  }

  /** What `trigger:include` names. `ancestors`: the files of the pipelines that lead to it. */
  composeChild(trigger: MapNode, ancestors: string[]): { document: MapNode; files: string[] } | undefined {
    const found = this.includer.child(trigger, ancestors);
    const document = found && this.whole(found.document, trigger.span.source);
    return document === undefined ? undefined : { document, files: found!.files };
  }

  private whole(merged: MapNode, source: Source): MapNode | undefined {
    if (this.wanted !== null) return undefined;
    const { form } = this.options;
    const { budget, context } = this;
    const isReferred = [source, ...this.sources].some(({ text }) => text.includes("!reference"));
    const jobs = extendJobs(jobsOf(merged, form), (name) => isReferred || !isHidden(name), budget, context);
    const kept = new Map([...jobs].filter(([name]) => !isHidden(name)));
    const document = withJobs(merged, form, kept);
    const resolved = isReferred
      ? (new Resolver([jobs, merged.entries], budget, context).resolve(document) as MapNode)
      : document;
    return budget.takeShared(resolved) ? resolved : undefined;
  }
}
