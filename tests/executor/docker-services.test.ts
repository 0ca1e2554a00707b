import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { $ } from "bun";
import { createDockerExecutor } from "../../src/executor/docker/docker-executor.ts";
import type { Service } from "../../src/pipeline/pipeline.ts";
import type { PlannedJob } from "../../src/plan/plan.ts";
import type { AttemptSpec, Executor, StartPhase } from "../../src/run/executor.ts";
import { Bench, readLog, readUntil } from "../contract/executor.ts";
import { dockerHost, labelledObjects } from "../support/docker.ts";
import { eventually } from "../support/eventually.ts";
import { type TestImage, testImage } from "../support/images.ts";

setDefaultTimeout(120_000);

const connection = { host: dockerHost() };
const bench = new Bench((place) => createDockerExecutor({ ...place, connection }));
const never = () => new AbortController().signal;

beforeAll(async () => {
  const name = await testImage("busybox");
  await bench.open({ name, entrypoint: undefined, pullPolicy: "if-not-present" });
});
afterAll(() => bench.close());

async function service(image: TestImage, change: Partial<Service> = {}): Promise<Service> {
  return {
    name: await testImage(image),
    entrypoint: undefined,
    pullPolicy: "never",
    aliases: [],
    command: undefined,
    variables: {},
    healthcheck: undefined,
    ...change,
  };
}

const shell = (command: string) => ({ entrypoint: ["sh", "-c"], command: [command] });

/** Runs a job to its end; what is left of it afterwards must be nothing. */
async function run(
  job: Partial<PlannedJob>,
  change: Partial<AttemptSpec> = {},
  executor: Executor = bench.executor,
) {
  const spec = bench.spec(job, change);
  const notes: string[] = [];
  const phases: StartPhase[] = [];
  const told = {
    ...spec,
    onProgress: (line: string) => notes.push(line),
    onPhase: (phase: StartPhase) => phases.push(phase),
  };
  const execution = await executor.start(told, never());
  const log = await readLog(execution);
  const result = await execution.result;
  await execution[Symbol.asyncDispose]();
  expect(await leftOf(spec)).toEqual([]);
  return { log, result, notes, phases };
}

async function leftOf(spec: AttemptSpec): Promise<string[]> {
  return (await labelledObjects(bench.instance)).filter(
    (name) => name === spec.name || name.startsWith(`${spec.name}-`),
  );
}

describe("services of a job", () => {
  test.concurrent("are ready when the script starts, and answer to their aliases and to the names of their images", async () => {
    const services = [
      await service("database", { aliases: ["db", "store"], variables: { NAME: "one" } }),
      await service("database", { aliases: ["other"], variables: { NAME: "two" } }),
    ];
    const script = ["db", "store", "cicd-test__database", "cicd-test-database", "other"].map(
      (host) => `echo ${host} | nc ${host} 7000`,
    );
    const { log, result, notes, phases } = await run({ script, services });
    expect(result).toMatchObject({ status: "success" });
    const answers = log.split("\n").filter((line) => line.includes(" heard "));
    expect(answers).toEqual([
      "one heard db",
      "one heard store",
      "one heard cicd-test__database",
      "one heard cicd-test-database",
      "two heard other",
    ]);
    expect(notes).toEqual(["services are ready: db, other"]);
    expect(phases).toContain("services");
  });

  test.concurrent("get the job's variables under their own, byte for byte, and none of the job's rights beyond them", async () => {
    const odd = "two\nlines '\"$HOME\\ ü";
    const services = [
      await service("busybox", {
        aliases: ["db"],
        ...shell('printf "%s|%s" "$ODD" "$LEVEL" >/tmp/said; exec nc -ll -p 7000 -e cat /tmp/said $FILE'),
        variables: { LEVEL: { value: "service's", expand: false } },
        healthcheck: {
          test: ["CMD-SHELL", "ls /tmp/said"],
          intervalMs: 1_000,
          timeoutMs: 1_000,
          retries: 3,
          startPeriodMs: 0,
        },
      }),
    ];
    const spec = bench.spec(
      { script: ["nc db 7000 </dev/null; echo; echo up; sleep 60"], services },
      {
        environment: { ODD: odd, LEVEL: "job's", FILE: "/.cicd-files/FILE" },
        files: [{ name: "FILE", text: "of a variable" }],
      },
    );
    await using execution = await bench.executor.start(spec, never());
    await readUntil(execution, `${odd}|service'sof a variable`);
    const [container] = await $`docker inspect ${`${spec.name}-s0`}`.json();
    expect(container.HostConfig).toMatchObject({
      Privileged: false,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      PidsLimit: 4096,
      Binds: null,
    });
    expect(container.HostConfig.Mounts ?? []).toEqual([]);
    expect(container.Config.Labels["cicd.run"]).toBe(spec.labels.run);
  });

  test.concurrent("that end at once fail the attempt, with their last lines in its log", async () => {
    const services = [
      await service("busybox", {
        aliases: ["db"],
        ...shell("for n in $(seq 30); do echo line $n; done; exit 3"),
      }),
    ];
    const { log, result } = await run({ script: ["echo never"], services });
    expect(result).toEqual({
      status: "failed",
      exitCode: null,
      failureReason: "service_failed",
      message: "The service db ended with exit code 3 before it was ready.",
    });
    const lines = Array.from({ length: 20 }, (_, index) => `[db] line ${index + 11}\n`);
    expect(log).toBe(lines.join(""));
  });

  test.concurrent("that cannot be started, or that nobody outside of them can reach, fail it as well", async () => {
    const unstartable = await service("busybox", { command: ["/no/such/program"] });
    const broken = await run({ services: [unstartable] });
    expect(broken.result).toMatchObject({ failureReason: "service_failed" });
    expect(broken.result.message).toContain("could not start");
    const inward = await service("database", { ...shell("exec httpd -f -p 127.0.0.1:7000") });
    const { instance, stateDir } = bench;
    await using hasty = createDockerExecutor({ instance, stateDir, connection, serviceLimitMs: 1_000 });
    const closed = await run({ services: [inward] }, {}, hasty);
    expect(closed.result).toMatchObject({ failureReason: "service_failed" });
    expect(closed.result.message).toContain("listens on port 7000 for itself alone (127.0.0.1)");
  });

  test.concurrent("are waited for until their own health check says so, and fail when it never does", async () => {
    const healthcheck = { intervalMs: 1_000, timeoutMs: 1_000, retries: 2, startPeriodMs: 0 };
    const command = shell("sleep 0.7; touch /tmp/ready; sleep 60");
    const slow = { ...healthcheck, test: ["CMD", "test", "-e", "/tmp/ready"] };
    const services = [await service("busybox", { ...command, healthcheck: slow })];
    expect((await run({ services })).result).toMatchObject({ status: "success" });
    const sick = { ...healthcheck, retries: 1, test: ["CMD-SHELL", "echo too ill; exit 1"] };
    const { result } = await run({ services: [await service("busybox", { ...command, healthcheck: sick })] });
    expect(result).toMatchObject({ failureReason: "service_failed" });
    expect(result.message).toContain("is not healthy (its check says: too ill)");
  });

  test.concurrent("are asked every second by their image's own health check, whatever its interval", async () => {
    const services = [
      await service("checked", { ...shell("sleep 0.5; touch /tmp/ready; sleep 60"), aliases: ["db"] }),
    ];
    const { log, result } = await run({ script: ["nc -w 1 db 7000 </dev/null || echo up"], services });
    expect(result).toMatchObject({ status: "success" });
    expect(log).toContain("\nup\n");
  });

  test.concurrent("that die later are told of where the script failed", async () => {
    const services = [
      await service("busybox", {
        aliases: ["db"],
        ...shell("nc -l -p 7000; printf 'last \\033[1mwords\\n'; exit 5"),
      }),
    ];
    const script = [
      "until nc db 7000 </dev/null; do :; done",
      "while nc -w 1 db 7000 </dev/null; do :; done; exit 1",
    ];
    const { result, notes } = await run({ script, services });
    expect(result).toMatchObject({ status: "failed", exitCode: 1, failureReason: "script_failure" });
    expect(result.message).toEndWith("\nThe service db ended with exit code 5 while the job ran.");
    expect(notes.slice(1)).toEqual(["[db] last  [1mwords"]);
  });

  test.concurrent("without any program to ask are watched from beside them", async () => {
    const services = [await service("static-httpd", { aliases: ["web"] })];
    const script = ["wget -O- http://web:7000/none 2>&1 || true"];
    const { log, result } = await run({ script, services });
    expect(result).toMatchObject({ status: "success" });
    expect(log).toContain("404 Not Found");
  });

  test.concurrent("whose image is not to be had fail it by the image", async () => {
    const services = [await service("busybox", { name: "cicd-test/none:1" })];
    const { result } = await run({ services });
    expect(result).toMatchObject({ failureReason: "image_pull_failure" });
    expect(result.message).toContain("cicd-test/none:1");
  });

  test.concurrent("are within reach of their job alone", async () => {
    const services = [await service("database", { aliases: ["db"], variables: { NAME: "mine" } })];
    const spec = bench.spec({ script: ["echo up; sleep 60"], services });
    await using execution = await bench.executor.start(spec, never());
    await readUntil(execution, "up");
    const [container] = await $`docker inspect ${`${spec.name}-s0`}`.json();
    const [network] = Object.values(container.NetworkSettings.Networks) as { IPAddress: string }[];
    const script = [`echo x | nc -w 1 ${network!.IPAddress} 7000 || echo closed`];
    for (const others of [[], [await service("database", { aliases: ["another"] })]]) {
      const { log } = await run({ script, services: others });
      expect(log).not.toContain("mine heard");
      expect(log).toContain("\nclosed\n");
    }
  });
});

describe("what is left of a job with services", () => {
  const waiting = async () => [
    await service("database", { ...shell("echo busy; sleep 60"), aliases: ["db"] }),
  ];

  test.concurrent("is nothing when it is canceled or its time is over while it waits for them", async () => {
    const services = await waiting();
    const canceled = bench.spec({ services });
    const stop = new AbortController();
    const starting = bench.executor.start(canceled, stop.signal);
    await eventually(async () => (await leftOf(canceled)).includes(`${canceled.name}-s0`));
    stop.abort("cancel");
    expect(await (await starting).result).toMatchObject({ status: "canceled" });
    expect(await leftOf(canceled)).toEqual([]);

    const late = await run({ services }, { timeoutMs: 900 });
    expect(late.result).toMatchObject({ failureReason: "job_timeout" });
    expect(late.result.message).toContain("services");
  });

  test.concurrent("is taken over with its services by the next owner, or replaced where they had not come up yet", async () => {
    const services = [await service("database", { aliases: ["db"], variables: { NAME: "db" } })];
    const spec = bench.spec({ script: ["echo up; sleep 1; echo you | nc db 7000"], services });
    const stop = new AbortController();
    const first = await bench.executor.start(spec, stop.signal);
    await readUntil(first, "\nup\n");
    stop.abort("detach");
    await first.result;
    await using heir = await bench.reopen();
    const second = await heir.start({ ...spec, isUnderWay: true }, never());
    expect(await readLog(second)).toEndWith("\nup\ndb heard you\n");
    await second[Symbol.asyncDispose]();
    expect(await leftOf(spec)).toEqual([]);

    const early = bench.spec({ script: ["echo up"], services: await waiting() });
    const leave = new AbortController();
    const starting = bench.executor.start(early, leave.signal);
    await eventually(async () => (await leftOf(early)).includes(`${early.name}-s0`));
    leave.abort("detach");
    await (await starting).result;
    expect(await leftOf(early)).toContain(`${early.name}-n`);
    const again = { ...early, job: { ...early.job, services } };
    await using third = await heir.start(again, never());
    expect(await readLog(third)).toContain("\nup\n");
  });

  test.concurrent("is swept with all that belongs to it, unless it is alive", async () => {
    const other = new Bench((place) => createDockerExecutor({ ...place, connection }));
    await other.open(bench.image);
    const services = [await service("database", { aliases: ["db"] })];
    const spec = other.spec({ script: ["echo up; sleep 60"], services });
    const stop = new AbortController();
    const execution = await other.executor.start(spec, stop.signal);
    await readUntil(execution, "\nup\n");
    stop.abort("detach");
    await execution.result;
    const nobody = { containers: 0, networks: 0, volumes: 0, directories: 0 };
    expect(await other.executor.sweep(async () => true)).toEqual(nobody);
    expect(await other.executor.sweep(async () => false)).toMatchObject({ containers: 2, networks: 1 });
    expect(await labelledObjects(other.instance)).toEqual([]);
    await other.close();
  });
});

describe("the image of a job", () => {
  test.concurrent("may name the user, who may write to the workspace, and the platform", async () => {
    const image = { ...bench.image!, user: "1234:99" };
    const { log } = await run({ image, script: ["id -u; id -g", "echo x > made; ls"] });
    expect(log).toContain("\n1234\n99\n");
    expect(log).toEndWith("\nmade\n");
    const [{ Os, Architecture }] = await $`docker image inspect ${bench.image!.name}`.json();
    const own = await run({ image: { ...bench.image!, platform: `${Os}/${Architecture}` } });
    expect(own.result).toMatchObject({ status: "success" });
    const foreign = await run({ image: { ...bench.image!, platform: "linux/s390x", pullPolicy: "never" } });
    expect(foreign.result).toMatchObject({ failureReason: "image_pull_failure" });
    expect(foreign.result.message).toContain("for linux/s390x is not on this machine");
  });
});
