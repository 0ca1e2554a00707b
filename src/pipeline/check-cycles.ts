import type { Report, Span } from "./source.ts";

type Edges = Map<string, { job: string; span: Span }[]>;

const MAX_SHOWN = 20;

/**
 * Reports circles of needs, each job in at most one of them, at the need that closes the circle. Depth-first without
 * recursion: a chain may be as long as the file.
 */
export function reportCycles(edges: Edges, report: Report): void {
  const state = new Map<string, "open" | "done">();
  const inCycle = new Set<string>();
  for (const start of edges.keys()) {
    if (state.has(start)) continue;
    const path: { job: string; next: number }[] = [{ job: start, next: 0 }];
    state.set(start, "open");
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      const edge = edges.get(top.job)?.[top.next++];
      if (edge === undefined) {
        state.set(top.job, "done");
        path.pop();
      } else if (!state.has(edge.job)) {
        state.set(edge.job, "open");
        path.push({ job: edge.job, next: 0 });
      } else if (state.get(edge.job) === "open" && !inCycle.has(edge.job)) {
        const cycle = path.slice(path.findIndex(({ job }) => job === edge.job)).map(({ job }) => job);
        for (const job of cycle) inCycle.add(job);
        reportCycle(cycle, edge.span, report);
      }
    }
  }
}

function reportCycle(cycle: string[], span: Span, report: Report): void {
  const first = cycle[0]!;
  const names =
    cycle.length <= MAX_SHOWN ? cycle : [...cycle.slice(0, MAX_SHOWN), `(${cycle.length - MAX_SHOWN} more)`];
  const spelled = [...names, first].join(" → ");
  const message =
    cycle.length === 1
      ? `the job "${first}" needs itself: ${spelled}`
      : `jobs need each other in a circle: ${spelled}`;
  report.error("CONFIG_CYCLE", span, message, "remove one of these needs");
}
