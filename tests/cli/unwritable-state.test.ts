import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, closeSync, mkdirSync, openSync, readdirSync, utimesSync, writeSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { Sandbox } from "../support/sandbox.ts";

const ONE = `
name: one
stages: [test]
variables: { PAUSE: "0" }
jobs:
  unit: { stage: test, script: "echo hello; sleep $PAUSE" }
`;

let sandbox: Sandbox;
let state: string;

/** The state directory is a file system of its own, which can be filled and made read-only. */
beforeEach(async () => {
  sandbox = await Sandbox.open({ ".cicd-pipelines/one.yml": ONE }, { CICD_EXECUTOR: "shell" });
  const mountPoint = join(sandbox.directory, "state");
  mkdirSync(mountPoint);
  mount("-t", "tmpfs", "-o", "size=16m", "none", mountPoint);
  state = join(mountPoint, "cicd");
});
afterEach(async () => {
  Bun.spawnSync(["umount", "-l", join(sandbox.directory, "state")]);
  await sandbox[Symbol.asyncDispose]();
});

function mount(...args: string[]): void {
  expect(Bun.spawnSync(["mount", ...args]).exitCode).toBe(0);
}

function fillDisk(): void {
  const path = join(sandbox.directory, "state", "fill");
  for (const size of [1024 * 1024, 4096, 1]) {
    try {
      for (;;) appendFileSync(path, Buffer.alloc(size, 1));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
    }
  }
}

async function runNumbers(): Promise<number[]> {
  const { stdout } = await sandbox.cicd("list", "--json");
  return JSON.parse(stdout).runs.map(({ number }: { number: number }) => number);
}

test("on a full disk runs are still shown, and gc makes room and removes what it should", async () => {
  await sandbox.write({ big: "x".repeat(5_000_000) });
  expect((await sandbox.cicd("run", "-q")).status).toBe(0);
  await sandbox.write({ big: "y".repeat(1_000_000) });
  expect((await sandbox.cicd("run", "-q")).status).toBe(0);
  for (const name of readdirSync(join(state, "s"))) utimesSync(join(state, "s", name), 1000, 1000);
  fillDisk();
  expect(await runNumbers()).toEqual([2, 1]);
  expect((await sandbox.cicd("logs", "-p", "one", "--job", "unit")).stdout).toContain("hello\n");
  const run = await sandbox.cicd("run", "-q");
  expect([run.status, run.stderr]).toEqual([3, expect.stringContaining("[DISK_FULL]")]);
  const gc = await sandbox.cicd("gc", "--keep-last", "1", "--older-than", "0s");
  expect([gc.status, gc.stderr]).toEqual([0, ""]);
  expect(gc.stdout).toContain("1 run\n    one #1\n");
  expect(readdirSync(join(state, "s"))).toHaveLength(1);
  expect(await runNumbers()).toEqual([2]);
  const retry = await sandbox.cicd("retry", "--job", "unit");
  expect([retry.status, retry.stderr]).toEqual([0, expect.stringContaining("hello")]);
}, 60_000);

test("on a full disk a run whose process died is shown with a warning; doctor names the database's disk", async () => {
  const database = join(state, "..", "elsewhere.db");
  sandbox.environment.CICD_STATE_DIR = join(sandbox.directory, "roomy");
  sandbox.environment.CICD_DATABASE_URL = `sqlite:${database}`;
  const run = sandbox.start("run", "-q", "--var", "PAUSE=600");
  const isSaid = async () =>
    (await sandbox.cicd("logs", "-p", "one", "--job", "unit")).stdout.includes("hello\n");
  expect(await eventually(isSaid)).toBe(true);
  run.kill("SIGKILL");
  await run.exited;
  fillDisk();
  const list = await sandbox.cicd("list");
  expect([list.status, list.stdout]).toEqual([0, expect.stringContaining("running")]);
  expect(list.stderr).toMatch(/^warning: .*\[DISK_FULL\]\n$/);
  for (const command of ["report", "logs"]) {
    // The one before has made some room by closing the database.
    fillDisk();
    const { status, stdout } = await sandbox.cicd(command, "-p", "one");
    expect([command, status, stdout]).toEqual([command, 0, expect.stringMatching(/hello|#1 .*running/)]);
  }
  const doctor = await sandbox.cicd("doctor", "--json");
  const disk = JSON.parse(doctor.stdout).findings.find(({ name }: { name: string }) => name === "disk");
  expect([doctor.status, disk.status, disk.detail]).toEqual([3, "fail", expect.stringContaining(database)]);
  Bun.spawnSync(["rm", join(sandbox.directory, "state", "fill")]);
  const listed = await sandbox.cicd("list");
  expect([listed.stderr, listed.stdout]).toEqual(["", expect.stringContaining("failed")]);
}, 60_000);

test("in a read-only state directory runs are still shown; doctor and what writes say what is wrong", async () => {
  expect((await sandbox.cicd("run", "-q")).status).toBe(0);
  mount("-o", "remount,ro", join(sandbox.directory, "state"));
  expect(await runNumbers()).toEqual([1]);
  const report = await sandbox.cicd("report", "-p", "one", "--run", "1");
  expect([report.status, report.stdout]).toEqual([0, expect.stringContaining("unit")]);
  expect((await sandbox.cicd("logs", "-p", "one", "--job", "unit")).stdout).toContain("hello\n");
  const run = await sandbox.cicd("run");
  expect([run.status, run.stderr]).toEqual([3, expect.stringContaining("[PERMISSION_DENIED]")]);
  const doctor = await sandbox.cicd("doctor", "--json");
  expect(doctor.status).toBe(3);
  const findings = new Map(
    JSON.parse(doctor.stdout).findings.map(({ name, status }: Record<string, string>) => [name, status]),
  );
  expect([findings.get("database"), findings.get("state directory")]).toEqual(["fail", "fail"]);
}, 60_000);

test("doctor finds a database that is damaged", async () => {
  expect((await sandbox.cicd("run", "-q")).status).toBe(0);
  const file = openSync(join(state, "cicd.db"), "r+");
  for (let page = 3; page < 20; page++) writeSync(file, Buffer.alloc(1000, 0xee), 0, 1000, page * 4096);
  closeSync(file);
  const { status, stdout } = await sandbox.cicd("doctor", "--json");
  const found = JSON.parse(stdout).findings.find(({ name }: { name: string }) => name === "database");
  expect([status, found.status, found.detail]).toEqual([
    3,
    "fail",
    expect.stringContaining("[STORE_CORRUPT]"),
  ]);
}, 60_000);
