import { basename } from "node:path";
import type { Bench } from "../bench.ts";
import { type Contestant, contest } from "../contest.ts";
import { atMostTimes, type Row, sideOf } from "../row.ts";

const TIMES_AS_MANY = 5;

/** What every call of the program costs at least. */
export const version: Row = {
  name: "version",
  title: "cicd --version, whole process, against docker --version",
  isCheap: true,
  async measure(bench) {
    const contestants = askingVersion(bench);
    const [own, docker] = await contest(contestants, bench.rounds * TIMES_AS_MANY);
    const sides = [
      sideOf(contestants[0].name, "ms", own!),
      sideOf(contestants[1].name, "ms", docker!),
    ] as const;
    return [atMostTimes("cicd --version", ...sides, 1)];
  },
};

/** `cicd --version` and `docker --version`. */
export function askingVersion(bench: Bench): [Contestant, Contestant] {
  const asking = (program: string) => ({
    name: `${basename(program)} --version`,
    run: () => bench.time([program, "--version"], bench.directory),
  });
  return [asking(bench.cicd), asking("docker")];
}
