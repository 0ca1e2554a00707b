import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { $ } from "bun";
import { createDockerExecutor } from "../../src/executor/docker/docker-executor.ts";
import type { Service } from "../../src/pipeline/pipeline.ts";
import type { PlannedJob } from "../../src/plan/plan.ts";
import type { AttemptSpec, Execution, Executor, StartPhase } from "../../src/run/executor.ts";
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
afterAll(async () => {
  await served[Symbol.asyncDispose]();
  await bench.close();
});

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

/** A job with a service of each kind, which several tests look at: that it runs is what takes the time. */
class Served implements AsyncDisposable {
  readonly notes: string[] = [];
  readonly phases: StartPhase[] = [];
  spec!: AttemptSpec;
  log!: string;
  #execution: Execution | undefined;

  async begin(): Promise<this> {
    const check = { intervalMs: 1_000, timeoutMs: 1_000, retries: 3, startPeriodMs: 0 };
    const services = await Promise.all([
      service("database", { aliases: ["db", "store"], variables: { NAME: "one" } }),
      service("busybox", {
        aliases: ["echo"],
        ...shell(
          'printf "%s|%s" "$ODD" "$LEVEL" >/tmp/said; sleep 0.7; touch /tmp/up; exec nc -ll -p 7000 -e cat /tmp/said $FILE',
        ),
        variables: { LEVEL: { value: "service's", expand: false } },
        healthcheck: { ...check, test: ["CMD-SHELL", "ls /tmp/up"] },
      }),
      service("checked", {
        ...shell("sleep 0.5; touch /tmp/ready; exec nc -ll -p 7000 -e echo checked"),
        aliases: ["slow"],
      }),
      service("static-httpd", { aliases: ["web"] }),
    ]);
    const hosts = ["db", "store", "cicd-test__database", "cicd-test-database"];
    const script = [
      ...hosts.map((host) => `echo ${host} | nc ${host} 7000`),
      "nc echo 7000 </dev/null; echo",
      "nc slow 7000 </dev/null",
      "wget -O- http://web:7000/none 2>&1 || true",
      "id -u; id -g",
      "echo x > made; ls",
      "echo up; sleep 60",
    ];
    const [{ Os, Architecture }] = await $`docker image inspect ${bench.image!.name}`.json();
    const image = { ...bench.image!, user: "1234:99", platform: `${Os}/${Architecture}` };
    this.spec = bench.spec(
      { image, script, services },
      {
        environment: { ODD, LEVEL: "job's", FILE: "/.cicd-files/FILE", CI_DEBUG_SERVICES: "true" },
        files: [{ name: "FILE", text: "of a variable" }],
        onProgress: (line) => this.notes.push(line),
        onPhase: (phase) => this.phases.push(phase),
      },
    );
    this.#execution = await bench.executor.start(this.spec, never());
    this.log = await readUntil(this.#execution, "\nup\n");
    return this;
  }

  async inspect(name: string) {
    const [container] = await $`docker inspect ${`${this.spec.name}-${name}`}`.json();
    return container;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#execution?.[Symbol.asyncDispose]();
  }
}

const ODD = "two\nlines '\"$HOME\\ ü";
const served = new Served();
let serving: Promise<Served> | undefined;
const whileServed = () => {
  serving ??= served.begin();
  return serving;
};

describe("services of a job", () => {
  test.concurrent("are ready when the script starts, and answer to their aliases and to the names of their images", async () => {
    const { log, notes, phases } = await whileServed();
    const answers = log.split("\n").filter((line) => line.includes(" heard "));
    expect(answers).toEqual([
      "one heard db",
      "one heard store",
      "one heard cicd-test__database",
      "one heard cicd-test-database",
    ]);
    expect(notes).toContain("services are ready: db, echo, slow, web");
    expect(phases).toContain("services");
  });

  test.concurrent("get the job's variables under their own, byte for byte, and none of the job's rights beyond them", async () => {
    const { log, spec } = await whileServed();
    expect(log).toContain(`${ODD}|service'sof a variable`);
    const { HostConfig, Config } = await served.inspect("s1");
    expect(HostConfig).toMatchObject({
      Privileged: false,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      PidsLimit: 4096,
      Binds: null,
    });
    expect(HostConfig.Mounts ?? []).toEqual([]);
    expect(Config.Labels["cicd.run"]).toBe(spec.labels.run);
  });

  test.concurrent("are asked every second by their image's own health check, whatever its interval", async () => {
    expect((await whileServed()).log).toContain("\nchecked\n");
  });

  test.concurrent("without any program to ask are watched from beside them", async () => {
    expect((await whileServed()).log).toContain("404 Not Found");
  });

  test.concurrent("show what they print where CI_DEBUG_SERVICES says so", async () => {
    const { notes } = await whileServed();
    await eventually(() => notes.includes("[db] starting"));
  });
});

describe("the image of a job", () => {
  test.concurrent("may name the user, who may write to the workspace, and the platform", async () => {
    const { log } = await whileServed();
    expect(log).toContain("\n1234\n99\n");
    expect(log).toContain("\nmade\n");
    const foreign = await run({ image: { ...bench.image!, platform: "linux/s390x", pullPolicy: "never" } });
    expect(foreign.result).toMatchObject({ failureReason: "image_pull_failure" });
    expect(foreign.result.message).toContain("for linux/s390x is not on this machine");
  });
});

describe("services that", () => {
  test.concurrent("end at once fail the attempt, with their last lines in its log", async () => {
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

  test.concurrent("cannot be started, or that nobody outside of them can reach, fail it as well", async () => {
    const unstartable = await service("busybox", { command: ["/no/such/program"] });
    const inward = await service("database", { ...shell("exec httpd -f -p 127.0.0.1:7000") });
    const { instance, stateDir } = bench;
    await using hasty = createDockerExecutor({ instance, stateDir, connection, serviceLimitMs: 1_000 });
    const [broken, closed] = await Promise.all([
      run({ services: [unstartable] }),
      run({ services: [inward] }, {}, hasty),
    ]);
    expect(broken.result).toMatchObject({ failureReason: "service_failed" });
    expect(broken.result.message).toContain("could not start");
    expect(closed.result).toMatchObject({ failureReason: "service_failed" });
    expect(closed.result.message).toContain("listens on port 7000 for itself alone (127.0.0.1)");
  });

  test.concurrent("never get healthy fail it with what their check says", async () => {
    const check = { intervalMs: 1_000, timeoutMs: 1_000, retries: 1, startPeriodMs: 0 };
    const sick = { ...check, test: ["CMD-SHELL", "echo too ill; exit 1"] };
    const services = [await service("busybox", { ...shell("sleep 60"), healthcheck: sick })];
    const { result } = await run({ services });
    expect(result).toMatchObject({ failureReason: "service_failed" });
    expect(result.message).toContain("is not healthy (its check says: too ill)");
  });

  test.concurrent("die later are told of where the script failed", async () => {
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

  test.concurrent("have an image that is not to be had fail it by the image", async () => {
    const services = [await service("busybox", { name: "cicd-test/none:1" })];
    const { result } = await run({ services });
    expect(result).toMatchObject({ failureReason: "image_pull_failure" });
    expect(result.message).toContain("cicd-test/none:1");
  });
});

describe("what is left of a job with services", () => {
  /** All at once take an engine some seconds. */
  const PATIENT = { withinMs: 30_000, everyMs: 100 };
  const waiting = async () => [
    await service("database", { ...shell("echo busy; sleep 60"), aliases: ["db"] }),
  ];

  test.concurrent("is nothing when its time is over while it waits for them", async () => {
    const late = await run({ services: await waiting() }, { timeoutMs: 900 });
    expect(late.result).toMatchObject({ failureReason: "job_timeout" });
    expect(late.result.message).toContain("services");
  });

  test.concurrent("is taken over with its services by the next owner, and swept once it belongs to nobody", async () => {
    const services = [await service("database", { aliases: ["db"], variables: { NAME: "db" } })];
    const spec = bench.spec({ script: ["echo up; sleep 0.5; echo you | nc db 7000"], services });
    const stop = new AbortController();
    const first = await bench.executor.start(spec, stop.signal);
    await readUntil(first, "\nup\n");
    stop.abort("detach");
    await first.result;
    await using heir = await bench.reopen();
    const second = await heir.start({ ...spec, isUnderWay: true }, never());
    expect(await readLog(second)).toEndWith("\nup\ndb heard you\n");
    const isOther = async ({ job }: AttemptSpec["labels"]) => job !== spec.labels.job;
    expect(await heir.sweep(async () => true)).toMatchObject({ containers: 0, networks: 0 });
    expect(await heir.sweep(isOther)).toMatchObject({ containers: 2, networks: 1 });
    expect(await leftOf(spec)).toEqual([]);
  });

  test.concurrent("is replaced by the next owner where they had not come up yet, and nothing once that is canceled", async () => {
    const spec = bench.spec({ script: ["echo never"], services: await waiting() });
    const idOf = async () =>
      (await $`docker inspect -f {{.Id}} ${`${spec.name}-s0`}`.nothrow().quiet()).text();
    const leave = new AbortController();
    const first = bench.executor.start(spec, leave.signal);
    await eventually(async () => (await leftOf(spec)).includes(`${spec.name}-s0`), PATIENT);
    leave.abort("detach");
    await (await first).result;
    expect(await leftOf(spec)).toContain(`${spec.name}-n`);
    const left = await idOf();
    await using heir = await bench.reopen();
    const stop = new AbortController();
    const second = heir.start(spec, stop.signal);
    await eventually(async () => !["\n", "", left].includes(await idOf()), PATIENT);
    stop.abort("cancel");
    expect(await (await second).result).toMatchObject({ status: "canceled" });
    expect(await leftOf(spec)).toEqual([]);
  });
});

describe("a service", () => {
  // Docker opens its barrier between networks for a moment whenever one is made: no other test may make one meanwhile.
  test("is within reach of its own job alone", async () => {
    await whileServed();
    const { NetworkSettings } = await served.inspect("s0");
    const [network] = Object.values(NetworkSettings.Networks) as { IPAddress: string }[];
    const script = [`echo x | nc -w 1 ${network!.IPAddress} 7000 || echo closed`];
    const services = [await service("busybox", shell("sleep 60"))];
    await using besides = await bench.executor.start(bench.spec({ script, services }), never());
    const logs = await Promise.all([readLog(besides), run({ script }).then(({ log }) => log)]);
    for (const log of logs) {
      expect(log).not.toContain("heard");
      expect(log).toContain("\nclosed\n");
    }
  });
});
