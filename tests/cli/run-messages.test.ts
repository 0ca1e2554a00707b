import { describe, expect, test } from "bun:test";
import { Sandbox } from "../support/sandbox.ts";

const pipeline = (job: string) => ({ ".cicd-pipelines/web.yml": `name: web\njobs: { unit: ${job} }\n` });

describe("--quiet", () => {
  test("says why a job failed where its log does not", async () => {
    const image = "127.0.0.1:9/cicd-no-such-image:1";
    await using sandbox = await Sandbox.open(pipeline(`{ stage: test, script: ls, image: "${image}" }`));
    const { status, stdout, stderr } = await sandbox.cicd("run", "--quiet");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^✗ unit: image pull failure: .*127\.0\.0\.1:9\/cicd-no-such-image/m);
    expect(stdout).toMatch(/^✗ web #1 failed in \S+\n$/);
  });

  test("says the exit code under the last lines", async () => {
    await using sandbox = await Sandbox.open(pipeline('{ stage: test, script: ["echo last", "exit 7"] }'), {
      CICD_EXECUTOR: "shell",
    });
    const { stderr } = await sandbox.cicd("run", "--quiet");
    expect(stderr).toEndWith("last\n$ exit 7\n\n✗ unit: exit code 7\n");
  });
});

describe("a server in the settings", () => {
  const JOB = pipeline("{ stage: test, script: echo here }");
  const SERVER = { CICD_EXECUTOR: "shell", CICD_SERVER: "http://127.0.0.1:1" };

  test("is passed over by run --local", async () => {
    await using sandbox = await Sandbox.open(JOB, SERVER);
    const unreachable = await sandbox.cicd("run");
    expect([unreachable.status, unreachable.stderr]).toEqual([
      3,
      expect.stringContaining(
        "http://127.0.0.1:1 does not answer: nothing listens there [SERVER_UNREACHABLE]",
      ),
    ]);
    expect(unreachable.stderr).toContain("--local");
    const { status, stderr } = await sandbox.cicd("run", "-l");
    expect([status, stderr]).toEqual([0, expect.stringContaining("[unit] here\n")]);
  });

  test("is passed over by a detached run as well", async () => {
    await using sandbox = await Sandbox.open(JOB, SERVER);
    expect((await sandbox.cicd("run", "--local", "--detach")).stdout).toBe("web #1\n");
    delete sandbox.environment.CICD_SERVER;
    const log = await sandbox.cicd("logs", "-f", "-p", "web", "--job", "unit");
    expect(log.stdout).toContain("here\n");
  });
});

test.each(["tcp://127.0.0.1:1", "ssh://nobody@127.0.0.1:1"])(
  "what the runtime thinks of libraries is not shown (%s)",
  async (DOCKER_HOST) => {
    await using sandbox = await Sandbox.open(pipeline("{ stage: test, script: ls, image: busybox }"), {
      DOCKER_HOST,
    });
    const { status, stderr } = await sandbox.cicd("run");
    expect([status, stderr]).toEqual([3, expect.stringContaining("[DOCKER_UNREACHABLE]")]);
    expect(stderr).not.toContain("Warning");
  },
);
