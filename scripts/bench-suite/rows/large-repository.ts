import type { Filling } from "../bench.ts";
import { contest } from "../contest.ts";
import { fan } from "../pipelines.ts";
import { atMostTimes, type Row, sideOf } from "../row.ts";

export const LARGE: Filling = { files: 10_000, bytesEach: 20_000 };
/** Its jobs look for a file, so that the workspace must be there. */
export const EIGHT_JOBS = fan(8, "test -e README.md");

export const largeRepository: Row = {
  name: "large-repository",
  title: "8 jobs on 10,000 files of 200 MB, second run, against the same in a repository of one file",
  isCheap: false,
  async measure(bench) {
    const contestants = [await bench.running(EIGHT_JOBS, LARGE), await bench.running(EIGHT_JOBS)];
    const [large, small] = await contest(contestants, bench.rounds);
    const sides = [sideOf("10,000 files", "ms", large!), sideOf("one file", "ms", small!)] as const;
    return [atMostTimes("repository of 200 MB", ...sides, 1.15)];
  },
};
