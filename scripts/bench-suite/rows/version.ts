import { contest } from "../contest.ts";
import { atMostTimes, type Row, sideOf } from "../row.ts";

const TIMES_AS_MANY = 5;

/** What every call of the program costs at least. */
export const version: Row = {
  name: "version",
  title: "cicd --version, whole process, against docker --version",
  isCheap: true,
  async measure(bench) {
    const run = (program: string) => () => bench.time([program, "--version"], bench.directory);
    const [own, docker] = await contest(
      [
        { name: "cicd", run: run(bench.cicd) },
        { name: "docker", run: run("docker") },
      ],
      bench.rounds * TIMES_AS_MANY,
    );
    const sides = [sideOf("cicd --version", "ms", own!), sideOf("docker --version", "ms", docker!)] as const;
    return [atMostTimes("cicd --version", ...sides, 1)];
  },
};
