import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { $ } from "bun";
import { eventually } from "../support/eventually.ts";
import { Sandbox } from "../support/sandbox.ts";

setDefaultTimeout(60_000);

/** Every container that was made for it since, by what it was made for: a job's name, or `sandbox`. */
async function containersMade(sandbox: Sandbox, since: string): Promise<string[]> {
  const filters = ["--filter", "event=create", "--filter", `label=cicd.instance=${await sandbox.instance()}`];
  const now = String(Date.now() / 1_000);
  const format = "{{json .Actor.Attributes}}";
  const events = await $`docker events ${filters} --since ${since} --until ${now} --format ${format}`.text();
  return events
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .filter((attributes) => attributes["cicd.probe"] === undefined)
    .map((attributes) => (attributes.name.startsWith("cicd-sandbox-") ? "sandbox" : nameOf(attributes.name)));
}

/** `cicd-RUN-INDEX-ATTEMPT-NAME`. */
function nameOf(container: string): string {
  return container.split("-").slice(4).join("-");
}

const head = 'name: web\nstages: [one, two, three, four]\ndefault: { image: "cicd-test/busybox:1" }\njobs:\n';

describe("what is made ready for jobs to come", () => {
  test.concurrent("runs nothing of a job whose need fails", async () => {
    const since = String(Date.now() / 1_000);
    await using sandbox = await Sandbox.open({
      ".cicd-pipelines/web.yml": `${head}  first: { stage: one, script: "true" }
  breaks: { stage: two, needs: [first], script: "exit 1" }
  hinders: { stage: three, needs: [breaks], script: echo must-not-run }
  last: { stage: four, needs: [hinders], script: echo must-not-run }\n`,
    });
    const run = await sandbox.cicd("run");
    expect(run.status).toBe(1);
    expect(run.stderr + run.stdout).not.toContain("must-not-run");
    const made = await containersMade(sandbox, since);
    expect(made.filter((name) => name !== "sandbox")).toEqual(["first", "breaks"]);
    expect(made).toContain("sandbox");
    expect(await sandbox.dockerObjects()).toEqual([]);
  });

  test.concurrent("runs nothing after a cancel, and is gone", async () => {
    const since = String(Date.now() / 1_000);
    await using sandbox = await Sandbox.open({
      ".cicd-pipelines/web.yml": `${head}  first: { stage: one, script: [echo up, sleep 60] }
  second: { stage: two, needs: [first], script: echo must-not-run }
  third: { stage: three, needs: [second], script: echo must-not-run }\n`,
    });
    const run = sandbox.start("run");
    const sandboxIsReady = async () => {
      const instance = await sandbox.instance().catch(() => "none yet");
      const labels = ["--filter", `label=cicd.instance=${instance}`, "--filter", "name=cicd-sandbox-"];
      return (await $`docker ps -q ${labels}`.text()) !== "";
    };
    await eventually(sandboxIsReady, { withinMs: 30_000, everyMs: 50 });
    run.kill("SIGINT");
    expect(await run.exited).toBe(130);
    expect(await containersMade(sandbox, since)).not.toContain("second");
    expect(await sandbox.dockerObjects()).toEqual([]);
  });

  test.concurrent("holds up no job of a run that has no use for it", async () => {
    const since = String(Date.now() / 1_000);
    await using sandbox = await Sandbox.open({
      ".cicd-pipelines/web.yml": `${head}  only: { stage: one, script: "true" }\n`,
    });
    expect((await sandbox.cicd("run")).status).toBe(0);
    expect(await containersMade(sandbox, since)).toEqual(["only"]);
  });

  test.concurrent("is gone when the process was killed and the next one has looked", async () => {
    await using sandbox = await Sandbox.open({
      ".cicd-pipelines/web.yml": `${head}  first: { stage: one, script: [echo up, sleep 60] }
  second: { stage: two, script: "true" }\n  third: { stage: three, script: "true" }\n`,
    });
    const run = sandbox.start("run");
    const hasBoth = async () => {
      const instance = await sandbox.instance().catch(() => "none yet");
      return (await $`docker ps -q --filter label=cicd.instance=${instance}`.text()).split("\n").length > 2;
    };
    await eventually(hasBoth, { withinMs: 30_000, everyMs: 50 });
    run.kill("SIGKILL");
    await run.exited;
    expect((await sandbox.cicd("gc")).status).toBe(0);
    expect(await sandbox.dockerObjects()).toEqual([]);
  });
});
