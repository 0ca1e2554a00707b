import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "bun";
import { Sandbox } from "../support/sandbox.ts";
import { scriptsTestImages } from "../support/scripts.ts";

setDefaultTimeout(300_000);

/** A project whose one dependency lies in its own repository: no registry is asked. */
async function openNpmProject(pipeline: string): Promise<Sandbox> {
  const scratch = await mkdtemp(join(tmpdir(), "cicd-npm-"));
  try {
    await mkdir(join(scratch, "package"));
    await writeFile(join(scratch, "package/package.json"), '{ "name": "left", "version": "1.0.0" }\n');
    await writeFile(join(scratch, "package/index.js"), "module.exports = 'left is here';\n");
    const dependencies = { left: "file:vendor/left.tgz" };
    const packages = {
      "": { name: "web", version: "1.0.0", dependencies },
      "node_modules/left": { version: "1.0.0", resolved: dependencies.left },
    };
    const lock = { name: "web", version: "1.0.0", lockfileVersion: 3, requires: true, packages };
    const sandbox = await Sandbox.open({
      ".gitlab-ci.yml": pipeline,
      ".gitignore": "node_modules/\n",
      "package.json": JSON.stringify({ name: "web", version: "1.0.0", dependencies }),
      "package-lock.json": JSON.stringify(lock),
    });
    await mkdir(join(sandbox.repo, "vendor"));
    await $`tar -C ${scratch} -czf ${join(sandbox.repo, "vendor/left.tgz")} package`.quiet();
    await sandbox.git("add", "-A");
    await sandbox.git("commit", "-q", "-m", "Add the dependency");
    return sandbox;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function run(sandbox: Sandbox, ...flags: string[]): Promise<string> {
  const { status, stdout, stderr } = await sandbox.cicd("run", ...flags);
  if (status !== 0) throw new Error(`${stdout}${stderr}`);
  return Bun.stripANSI(stdout + stderr);
}

async function cachedFiles(sandbox: Sandbox, path: string): Promise<string[]> {
  const found = await Array.fromAsync(
    new Bun.Glob(`**/${path}`).scan({ cwd: join(sandbox.directory, "state"), absolute: true }),
  );
  expect(found).not.toEqual([]);
  return found;
}

/** As a disk does: another byte in the same place. */
async function flipByte(path: string): Promise<void> {
  const bytes = await Bun.file(path).bytes();
  bytes[0]! ^= 1;
  await chmod(path, 0o600);
  await writeFile(path, bytes);
}

beforeAll(() => scriptsTestImages("debian"));

test("the second run of an npm project restores node_modules by its lock file, until a byte of it flips or the lock file changes", async () => {
  await using sandbox = await openNpmProject(`
image: { name: "cicd-test/debian:1", pull_policy: never }
cache:
  key: { files: [package-lock.json], prefix: npm }
  paths: [node_modules/]
test:
  script:
    - test -d node_modules || npm ci --offline --no-audit --no-fund
    - node -p 'require("left")'
spoil:
  stage: deploy
  cache: { key: { files: [package-lock.json], prefix: npm }, paths: [node_modules/], policy: pull }
  script:
    - node -p '"unspoiled " + require("left")'
    - echo 'module.exports = "spoiled"' > node_modules/left/index.js
`);
  const key = /cache "npm-[0-9a-f]{40}"/.source;
  const first = await run(sandbox);
  expect(first).toMatch(new RegExp(`\\[test\\] cicd: ${key}: nothing is stored`));
  expect(first).toMatch(/added 1 package/);
  expect(first).toMatch(new RegExp(`\\[test\\] cicd: ${key} saved \\(`));
  expect(first).toMatch(new RegExp(`\\[spoil\\] cicd: ${key} restored \\(`));
  const second = await run(sandbox);
  expect(second).toMatch(new RegExp(`\\[test\\] cicd: ${key} restored \\(`));
  expect(second).toMatch(new RegExp(`\\[test\\] cicd: ${key} is unchanged`));
  expect(second).not.toMatch(/added 1 package/);
  expect(second).toMatch(/\[test\] left is here/);
  expect(second).toMatch(/\[spoil\] unspoiled left is here/);

  for (const path of await cachedFiles(sandbox, "node_modules/left/index.js")) await flipByte(path);
  const damaged = await run(sandbox, "--job", "test");
  expect(damaged).toMatch(new RegExp(`\\[test\\] cicd: warning: ${key} is damaged: it is not used`));
  expect(damaged).toMatch(/added 1 package/);
  expect(damaged).toMatch(/\[test\] left is here/);

  const lock = join(sandbox.repo, "package-lock.json");
  await writeFile(lock, `${await Bun.file(lock).text()}\n`);
  const atOnce = await Promise.all([run(sandbox, "--job", "test"), run(sandbox, "--job", "test")]);
  for (const changed of atOnce) expect(changed).toMatch(/\[test\] left is here/);
  expect(atOnce.join()).toMatch(new RegExp(`\\[test\\] cicd: ${key}: nothing is stored`));
  expect(atOnce.join()).toMatch(/added 1 package/);
  const after = await run(sandbox, "--job", "test");
  expect(after).toMatch(new RegExp(`\\[test\\] cicd: ${key} restored \\(`));
  expect(after).toMatch(/\[test\] left is here/);
});

test("jobs on the host itself have caches as well, and copies of their own of them", async () => {
  const pipeline = `
name: web
jobs:
  test:
    stage: test
    cache: { paths: [modules/], when: always }
    script: test -f modules/a && cat modules/a || (mkdir modules && echo fresh > modules/a)
  spoil:
    stage: deploy
    cache: { paths: [modules/], policy: pull }
    script: [cat modules/a, echo spoiled > modules/a]
`;
  const files = { ".cicd-pipelines/web.yml": pipeline };
  await using sandbox = await Sandbox.open(files, { CICD_EXECUTOR: "shell" });
  await run(sandbox);
  const second = await run(sandbox);
  expect(second).toMatch(/\[test\] cicd: cache "default" restored \(6 B\)/);
  expect(second).toMatch(/\[test\] fresh/);
  expect(second).toMatch(/\[spoil\] fresh/);
});
