import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGit } from "../../src/workspace/git.ts";
import { gitEnvironment } from "../../src/workspace/git-environment.ts";
import { gitFailure } from "../../src/workspace/git-failure.ts";
import { codeOf, type Fixture, makeFixture, makeRepository, never } from "./fixture.ts";

let fixture: Fixture;
beforeAll(async () => {
  fixture = await makeFixture();
});
afterAll(() => fixture[Symbol.dispose]());

test("git gets credentials and proxies of the user, but nothing that points it elsewhere", () => {
  const environment = gitEnvironment(
    {
      PATH: "/bin",
      SSH_AUTH_SOCK: "/agent",
      https_proxy: "http://proxy",
      GIT_SSH_COMMAND: "ssh -i key",
      GIT_SSL_CAINFO: "/ca",
      GIT_DIR: "/elsewhere",
      GIT_INDEX_FILE: "/elsewhere/index",
      GIT_CONFIG_PARAMETERS: "'core.fsmonitor=evil'",
      GIT_EXTERNAL_DIFF: "evil",
      LD_PRELOAD: "/evil.so",
      CICD_TOKEN: "secret",
    },
    [],
    [],
  );
  expect(environment).toMatchObject({
    PATH: "/bin",
    SSH_AUTH_SOCK: "/agent",
    https_proxy: "http://proxy",
    GIT_SSH_COMMAND: "ssh -i key",
    GIT_SSL_CAINFO: "/ca",
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ALLOW_PROTOCOL: "none",
  });
  for (const key of [
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_CONFIG_PARAMETERS",
    "GIT_EXTERNAL_DIFF",
    "LD_PRELOAD",
    "CICD_TOKEN",
  ])
    expect(environment[key]).toBeUndefined();
});

test("further arguments of ssh go to the ssh that the user has chosen", () => {
  const toHost = ["-o", "HostName=192.0.2.1"];
  const command = (variables: Record<string, string>) =>
    gitEnvironment(variables, ["ssh"], toHost).GIT_SSH_COMMAND;
  expect(command({})).toBe("ssh -o BatchMode=yes '-o' 'HostName=192.0.2.1'");
  expect(command({ GIT_SSH_COMMAND: "ssh -i key" })).toBe("ssh -i key '-o' 'HostName=192.0.2.1'");
  expect(command({ GIT_SSH: "/my ssh" })).toBe("'/my ssh' '-o' 'HostName=192.0.2.1'");
});

test("ssh never asks when the user has not chosen a command of their own", () => {
  expect(gitEnvironment({}, ["ssh"], []).GIT_SSH_COMMAND).toBe("ssh -o BatchMode=yes");
  expect(gitEnvironment({}, ["ssh"], []).GIT_ALLOW_PROTOCOL).toBe("ssh");
});

test("a machine without git is told so", async () => {
  const nowhere = createGit({ PATH: join(fixture.root, "empty") });
  expect(await codeOf(nowhere({ args: ["version"], cwd: fixture.root }, never))).toBe("GIT_MISSING");
});

test("a directory outside of any repository is told apart", async () => {
  expect(await codeOf(fixture.sources.open({ repo: fixture.root }, never))).toBe("GIT_NOT_A_REPOSITORY");
  expect(await codeOf(fixture.sources.open({ repo: join(fixture.root, "gone") }, never))).toBe(
    "GIT_NOT_A_REPOSITORY",
  );
  writeFileSync(join(fixture.root, "file"), "");
  expect(await codeOf(fixture.sources.open({ repo: join(fixture.root, "file") }, never))).toBe(
    "GIT_NOT_A_REPOSITORY",
  );
});

test("the inside of a git directory is no working tree", async () => {
  const repo = await makeRepository(join(fixture.root, "inside"), { a: "a" });
  expect(await codeOf(fixture.sources.open({ repo: join(repo, ".git", "refs") }, never))).toBe(
    "GIT_NOT_A_REPOSITORY",
  );
});

test("a failure carries git's words on one line, without credentials", () => {
  const error = gitFailure(
    "fetch",
    128,
    "noise\nfatal: unable to access 'https://me:s3cret@host/x/':\r\nfatal: second\n",
  );
  expect(error.code).toBe("GIT_FAILED");
  expect(error.message).toBe("git fetch: fatal: unable to access 'https://host/x/':; fatal: second");
});

test.each([
  ["fatal: not a git repository (or any of the parent directories): .git", "GIT_NOT_A_REPOSITORY"],
  ["fatal: couldn't find remote ref refs/heads/x", "GIT_REF_NOT_FOUND"],
  ["fatal: transport 'ext' not allowed", "GIT_URL_REFUSED"],
  ["error: unable to write file a: No space left on device", "DISK_FULL"],
  ["error: file write error. Out of diskspace", "DISK_FULL"],
  ["fatal: detected dubious ownership in repository at '/x'", "GIT_FAILED"],
  ["", "GIT_FAILED"],
])("%p is %s", (words, code) => {
  expect(gitFailure("x", 128, words).code).toBe(code as never);
});

test("an abort ends git at once and passes its reason on", async () => {
  const controller = new AbortController();
  const waiting = fixture.git(
    { args: ["cat-file", "--batch"], cwd: await makeRepository(join(fixture.root, "abort"), {}) },
    controller.signal,
  );
  controller.abort(new Error("stop"));
  await expect(waiting).rejects.toThrow("stop");
});

test("an abort while git waits for a slow program ends it within a second", async () => {
  const bin = join(fixture.root, "slow");
  mkdirSync(bin);
  writeFileSync(join(bin, "ssh"), "#!/bin/sh\nexec sleep 30\n", { mode: 0o755 });
  const slow = createGit({ ...fixture.environment, GIT_SSH: join(bin, "ssh") });
  const started = Date.now();
  const call = { args: ["ls-remote", "ssh://host/x"], cwd: fixture.root, protocols: ["ssh"] };
  await expect(slow(call, AbortSignal.timeout(200))).rejects.toThrow();
  expect(Date.now() - started).toBeLessThan(2000);
});
