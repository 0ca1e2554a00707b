import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { contest } from "../contest.ts";
import { single } from "../pipelines.ts";
import { atMost, type Row, sideOf } from "../row.ts";
import { STORED_RUNS, storeRunsInFile } from "../stored-runs.ts";

const MOST_MS = 100;
const PIPELINE = single("stored", "true");

export const report: Row = {
  name: "report",
  title: "report over 10,000 runs stored in SQLite, whole process",
  isCheap: false,
  async measure(bench) {
    const repository = await bench.repository(PIPELINE, "native");
    const state = join(bench.directory, "state-of-reports");
    const env = { ...bench.environment, XDG_STATE_HOME: state };
    await mkdir(join(state, "cicd"), { recursive: true });
    // One real run has the database made and says how runs of this repository look.
    await bench.time([bench.cicd, "run", "--executor", "shell"], repository, { env });
    await storeRunsInFile(join(state, "cicd", "cicd.db"));
    const forms = [
      ["report", "report"],
      ["report of a pipeline", "report", "-p", PIPELINE.name],
      ["report of a run", "report", "-p", PIPELINE.name, "--run", String(STORED_RUNS / 2)],
    ] as const;
    const contestants = forms.map(([name, ...args]) => ({
      name,
      run: () => bench.time([bench.cicd, ...args], repository, { env }),
    }));
    const samples = await contest(contestants, bench.rounds * 2);
    return contestants.map(({ name }, index) =>
      atMost(`${name}, 10,000 runs stored`, sideOf(name, "ms", samples[index]!), MOST_MS),
    );
  },
};
