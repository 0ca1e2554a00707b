import type { Entry, MapNode } from "../node.ts";
import type { Form } from "../pipeline.ts";

/** Top-level keys of a `.gitlab-ci.yml` that are no jobs, whatever they hold. */
const GITLAB_KEYWORDS = new Set([
  "stages",
  "variables",
  "default",
  "include",
  "workflow",
  "spec",
  "image",
  "services",
  "cache",
  "before_script",
  "after_script",
]);

/** The jobs and templates of a document, by name. */
export function jobsOf(root: MapNode, form: Form): Map<string, Entry> {
  if (form === "native") {
    const jobs = root.entries.get("jobs")?.value;
    return jobs?.kind === "map" ? jobs.entries : new Map();
  }
  return new Map([...root.entries].filter(([key]) => !GITLAB_KEYWORDS.has(key)));
}

/** The document with other jobs and templates. */
export function withJobs(root: MapNode, form: Form, jobs: Map<string, Entry>): MapNode {
  if (form === "native") {
    const entry = root.entries.get("jobs");
    if (entry?.value.kind !== "map") return root;
    const value: MapNode = { ...entry.value, entries: jobs };
    return { ...root, entries: new Map(root.entries).set("jobs", { ...entry, value }) };
  }
  const others = [...root.entries].filter(([key]) => GITLAB_KEYWORDS.has(key));
  return { ...root, entries: new Map([...others, ...jobs]) };
}

export function isHidden(name: string): boolean {
  return name.startsWith(".");
}
