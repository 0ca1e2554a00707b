import { expect, test } from "bun:test";
import { readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Sandbox } from "../support/sandbox.ts";

test.each(["https://example.org/team/web.git", "git@example.org:team/web.git", "file:///srv/web.git"])(
  "init refuses the URL %s, and makes nothing",
  async (url) => {
    await using sandbox = await Sandbox.open({ "a.txt": "" });
    const { status, stderr } = await sandbox.cicd("init", "-r", url);
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining("is a URL: init writes into a working tree [USAGE]"),
    ]);
    expect(readdirSync(sandbox.repo).sort()).toEqual([".git", "a.txt"]);
  },
);

test("init refuses a bare repository, and writes nothing into it", async () => {
  await using sandbox = await Sandbox.open({ "a.txt": "" });
  const bare = join(sandbox.directory, "bare.git");
  await sandbox.git("clone", "-q", "--bare", ".", bare);
  const before = readdirSync(bare);
  const { status, stderr } = await sandbox.cicd("init", "-r", bare);
  expect([status, stderr]).toEqual([2, expect.stringContaining("is a bare repository")]);
  expect(readdirSync(bare)).toEqual(before);
});

test("init says what stands where its directory has to be", async () => {
  await using sandbox = await Sandbox.open({ "a.txt": "" });
  const directory = join(sandbox.repo, ".cicd-pipelines");
  for (const make of [() => writeFileSync(directory, ""), () => symlinkSync("nowhere", directory)]) {
    make();
    const { status, stderr } = await sandbox.cicd("init");
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining(".cicd-pipelines is not a directory [USAGE]"),
    ]);
    rmSync(directory);
  }
});
