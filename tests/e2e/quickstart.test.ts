import { expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "bun";
import { finish } from "../support/sandbox.ts";

const ROOT = join(import.meta.dir, "../..");

/** Without this project's own tools. */
const PATH = (process.env.PATH ?? "")
  .split(":")
  .filter((directory) => !directory.startsWith(ROOT))
  .join(":");

/** The project as a clone would have it: no dependencies, no tools, nothing built. */
async function freshCopy(directory: string): Promise<string> {
  const target = join(directory, "cicd");
  await mkdir(target);
  await $`git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2>/dev/null | tar -cf - -T - | tar -xf - -C ${target}`
    .cwd(ROOT)
    .quiet();
  return target;
}

test("the quickstart goes from a fresh clone to a report, with Docker and, when it does not answer, without", async () => {
  const directory = await mkdtemp(join(tmpdir(), "cicd-quickstart-"));
  try {
    const cwd = await freshCopy(directory);
    const quickstart = (environment: Record<string, string>) =>
      finish(
        Bun.spawn(["scripts/quickstart"], {
          cwd,
          env: {
            PATH,
            HOME: directory,
            ...environment,
          },
          stdin: "ignore",
          stdout: "pipe",
          stderr: "pipe",
        }),
      );
    const docker = process.env.DOCKER_HOST === undefined ? {} : { DOCKER_HOST: process.env.DOCKER_HOST };
    const inDocker = await quickstart(docker);
    expect(inDocker.stderr).toContain("Docker answers: each job runs in a container of its own");
    expect(inDocker).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/✓ site #1 succeeded[\s\S]*site\.tar/),
    });

    const onHost = await quickstart({ DOCKER_HOST: `unix://${directory}/no.sock` });
    expect(onHost.stderr).toContain("Docker does not answer here");
    expect(onHost).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/✓ site #1 succeeded[\s\S]*site\.tar/),
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 300_000);
