import type { MapNode } from "../node.ts";

/** The mapping without templates: keys that begin with a dot. The same one where it has none. */
export function withoutHidden(jobs: MapNode): MapNode {
  let hasHidden = false;
  for (const name of jobs.entries.keys()) hasHidden ||= name.startsWith(".");
  if (!hasHidden) return jobs;
  return { ...jobs, entries: new Map([...jobs.entries].filter(([name]) => !name.startsWith("."))) };
}
