import { Database } from "bun:sqlite";
import { join } from "node:path";
import { contest } from "../contest.ts";
import { NO_OP } from "../pipelines.ts";
import { atMost, type Row, sideOf } from "../row.ts";
import { multiplyRun, STORED_RUNS } from "../stored-runs.ts";

const MOST_MS = 100;

export const report: Row = {
  name: "report",
  title: "report over 10,000 runs stored in SQLite, whole process",
  isCheap: true,
  async measure(bench) {
    const repository = await bench.repository(NO_OP, "native");
    const state = join(bench.directory, "state-of-reports");
    const env = { ...bench.environment, XDG_STATE_HOME: state };
    await bench.time([bench.cicd, "run", "--executor", "shell"], repository, { env });
    await fill(join(state, "cicd", "cicd.db"));
    const forms = [
      ["report", "report"],
      ["report of a pipeline", "report", "-p", NO_OP.name],
      ["report of a run", "report", "-p", NO_OP.name, "--run", String(STORED_RUNS / 2)],
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

async function fill(path: string): Promise<void> {
  using db = new Database(path, { readwrite: true });
  const { id } = db.query("SELECT id FROM runs").get() as { id: string };
  const database = {
    async columnsOf(table: string) {
      const columns = db.query("SELECT name FROM pragma_table_info(?)").all(table) as { name: string }[];
      return columns.map(({ name }) => name);
    },
    execute: async (sql: string) => void db.run(sql),
  };
  await multiplyRun(database, id);
}
