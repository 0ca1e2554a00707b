import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { Sandbox } from "../support/sandbox.ts";
import { ServerProcess } from "../support/server.ts";
import { pipeline } from "./fixture.ts";

setDefaultTimeout(30_000);

const NOTE = 'left out, since "on" names neither manual nor push: release (run one with -p NAME)';

const FILES = {
  ".cicd-pipelines/release.yml": pipeline("release", "tag"),
  ".cicd-pipelines/web.yml": pipeline("web", "[push, tag]"),
};

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await Sandbox.open(FILES, { CICD_EXECUTOR: "shell" });
});
afterAll(() => sandbox[Symbol.asyncDispose]());

const pipelines = (stdout: string) => [...stdout.matchAll(/^(\w+): 1 job/gm)].map(([, name]) => name);

test("cicd run and dryrun leave out what is for a server alone, and say so", async () => {
  const planned = await sandbox.cicd("dryrun");
  expect(pipelines(planned.stdout)).toEqual(["web"]);
  expect(planned.stderr).toContain(NOTE);
  const run = await sandbox.cicd("run");
  expect(run.status).toBe(0);
  expect(run.stderr).toContain(NOTE);
  const { pipelines: ran } = JSON.parse((await sandbox.cicd("report", "--json")).stdout);
  expect(ran.map(({ name }: { name: string }) => name)).toEqual(["web"]);
});

test("they take it when it is named, by its name or its file; errors in it are told in any case", async () => {
  expect(pipelines((await sandbox.cicd("dryrun", "-p", "release")).stdout)).toEqual(["release"]);
  expect(pipelines((await sandbox.cicd("dryrun", "-f", ".cicd-pipelines/release.yml")).stdout)).toEqual([
    "release",
  ]);
  expect((await sandbox.cicd("run", "-p", "release")).status).toBe(0);
  const broken = await sandbox.cicd("run", "-o", "jobs.a.script=");
  expect([broken.status, broken.stderr]).toEqual([2, expect.stringContaining("CONFIG_EMPTY_SCRIPT")]);
});

test("where nothing is left, that is an error with a way out", async () => {
  const ended = await sandbox.cicd("run", "-o", "on=tag");
  expect(ended.status).toBe(2);
  expect(ended.stderr).toContain("no pipeline is run by hand: release, web");
  expect(ended.stderr).toContain("-p release");
});

test("a server leaves out the same", async () => {
  await using server = await ServerProcess.open();
  await using client = await Sandbox.open(FILES, server.client);
  const planned = await client.cicd("dryrun");
  expect(pipelines(planned.stdout)).toEqual(["web"]);
  expect(planned.stderr).toContain(NOTE);
  expect(pipelines((await client.cicd("dryrun", "-f", ".cicd-pipelines/release.yml")).stdout)).toEqual([
    "release",
  ]);
  const run = await client.cicd("run");
  expect([run.status, run.stderr]).toEqual([0, expect.stringContaining(NOTE)]);
  expect((await client.cicd("run", "-p", "release")).status).toBe(0);
});
