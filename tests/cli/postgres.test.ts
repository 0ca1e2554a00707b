import { expect, test } from "bun:test";
import { newSchema } from "../support/postgres.ts";
import { Sandbox } from "../support/sandbox.ts";

const PIPELINE = `
name: web
stages: [test]
jobs:
  unit: { stage: test, script: ["echo begun", "sleep 600"] }
`;

test("with PostgreSQL a run in the background is seen, followed and canceled like any other", async () => {
  const { url, drop } = await newSchema();
  {
    await using sandbox = await Sandbox.open(
      { ".cicd-pipelines/web.yml": PIPELINE },
      { CICD_EXECUTOR: "shell" },
    );
    const cicd = (...args: string[]) => sandbox.cicd(...args, "--database", url);
    const detached = await cicd("run", "--detach");
    expect([detached.status, detached.stdout]).toEqual([0, "web #1\n"]);
    const following = cicd("logs", "-f", "--job", "unit");
    const processes = await Bun.$`ps -eo args`.text();
    const mine = processes.split("\n").filter((line) => line.includes("drive-detached"));
    expect(mine).not.toEqual([]);
    expect(mine.filter((line) => line.includes("postgres"))).toEqual([]);
    const listed = await cicd("list", "--json");
    expect(JSON.parse(listed.stdout).runs[0]).toMatchObject({ number: 1, pipeline: "web" });
    const canceled = await cicd("cancel");
    expect(canceled.stdout).toMatch(/^⊘ web #1 is canceled; /);
    expect((await following).status).toBe(0);
    const { run } = JSON.parse((await cicd("report", "-p", "web", "--run", "1", "--json")).stdout);
    expect(run.status).toBe("canceled");
  }
  await drop();
}, 60_000);

test("what PostgreSQL refuses is said with its own code, not as a fault of cicd", async () => {
  const { url, drop } = await newSchema();
  const changed = (change: (url: URL) => void) => {
    const other = new URL(url);
    change(other);
    return other.href;
  };
  const refused = [
    changed((other) => {
      other.password = "wrong";
    }),
    changed((other) => {
      other.pathname = "/no_such_database";
    }),
    changed((other) => {
      other.searchParams.set("search_path", "no_such_schema");
    }),
  ];
  {
    await using sandbox = await Sandbox.open({ ".cicd-pipelines/web.yml": PIPELINE });
    for (const database of refused) {
      const { status, stderr } = await sandbox.cicd("list", "--database", database);
      expect(stderr).toContain("[STORE_UNREACHABLE]");
      expect(stderr).not.toContain("INTERNAL");
      expect(status).toBe(3);
    }
  }
  await drop();
}, 60_000);
