import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { $ } from "bun";
import { createDockerExecutor, type DockerExecutor } from "../../src/executor/docker/docker-executor.ts";
import type { Image } from "../../src/pipeline/pipeline.ts";
import type { PlannedJob } from "../../src/plan/plan.ts";
import type { AttemptSpec } from "../../src/run/executor.ts";
import { Bench, readLog, readUntil } from "../contract/executor.ts";
import { dockerHost, labelledObjects } from "../support/docker.ts";
import { eventually } from "../support/eventually.ts";
import { type TestImage, testImage } from "../support/images.ts";

setDefaultTimeout(60_000);

const owner = {
  begin: async () => ({ name: "this process", [Symbol.asyncDispose]: async () => {} }),
  isAlive: async (name: string) => name === "this process",
};
const never = () => new AbortController().signal;

/** A run of its own, in an executor with sandboxes. */
class Run implements AsyncDisposable {
  readonly bench: Bench;
  readonly id = `run-${crypto.randomUUID().slice(0, 8)}`;
  #left: number;

  private constructor(bench: Bench, jobs: number) {
    this.bench = bench;
    this.#left = jobs;
  }

  static async begin(jobs: number, name: TestImage = "busybox"): Promise<Run> {
    const bench = new Bench((place) =>
      createDockerExecutor({ ...place, owner, connection: { host: dockerHost() } }),
    );
    await bench.open(await image(name));
    return new Run(bench, jobs);
  }

  get executor(): DockerExecutor {
    return this.bench.executor as DockerExecutor;
  }

  spec(
    script: string[],
    { atOnce = 1, ...job }: Partial<PlannedJob> & { atOnce?: number } = {},
  ): AttemptSpec {
    this.#left -= 1;
    const toCome = { jobs: this.#left, atOnce };
    const spec = this.bench.spec({ script, ...job }, { toCome });
    return { ...spec, labels: { ...spec.labels, run: this.id } };
  }

  async job(script: string[], job: Partial<PlannedJob> & { atOnce?: number } = {}) {
    await using execution = await this.executor.start(this.spec(script, job), never());
    return { log: await readLog(execution), result: await execution.result };
  }

  /** A short job whose container joins a sandbox: the address it prints is the sandbox's. */
  async addressOfJob(): Promise<string> {
    const { log } = await this.job([ADDRESS]);
    return addressIn(log);
  }

  /** Ids of the containers that hold sandboxes. */
  async sandboxes(): Promise<string[]> {
    const listed =
      await $`docker ps -aq --no-trunc --filter label=cicd.instance=${this.bench.instance} --filter name=cicd-sandbox-`.text();
    return listed.split("\n").filter((id) => id !== "");
  }

  async ready(count: number): Promise<string[]> {
    return await eventually(
      async () => {
        const running =
          await $`docker ps -q --no-trunc --filter label=cicd.instance=${this.bench.instance} --filter name=cicd-sandbox-`.text();
        const ids = running.split("\n").filter((id) => id !== "");
        return ids.length === count && ids;
      },
      { withinMs: 20_000 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bench.close();
  }
}

/** What ADDRESS printed last. */
function addressIn(log: string): string {
  return log.match(/^address=.*$/gm)!.at(-1)!;
}

const ADDRESS = "echo address=$(hostname -i) name=$(hostname)";

async function image(name: TestImage): Promise<Image> {
  return { name: await testImage(name), entrypoint: undefined, pullPolicy: "if-not-present" };
}

describe("a network sandbox", () => {
  test.concurrent("is made while the first job runs, and serves those that come after it", async () => {
    await using run = await Run.begin(4);
    const first = run.spec(["echo up; sleep 60"]);
    await using execution = await run.executor.start(first, never());
    await readUntil(execution, "up");
    const [sandbox] = await run.ready(1);
    execution.kill();
    await execution.result;
    const addresses = [await run.addressOfJob(), await run.addressOfJob()];
    const [inspected] = await $`docker inspect ${sandbox}`.json();
    const [network] = Object.values(inspected.NetworkSettings.Networks) as { IPAddress: string }[];
    const expected = `address=${network!.IPAddress} name=${sandbox!.slice(0, 12)}`;
    expect(addresses).toEqual([expected, expected]);
  });

  test.concurrent("is hardened, and holds nothing of any job", async () => {
    await using run = await Run.begin(3);
    run.executor.prepare((await image("busybox")).name, { jobs: 3, atOnce: 1 });
    const [sandbox] = await run.ready(1);
    const spec = run.spec(["echo the-script; sleep 60"], { variables: { TOKEN: "the-token" } });
    await using execution = await run.executor.start(
      { ...spec, environment: { TOKEN: "the-token" } },
      never(),
    );
    await readUntil(execution, "the-script");
    const [inspected] = await $`docker inspect ${sandbox}`.json();
    expect(inspected.HostConfig).toMatchObject({
      ReadonlyRootfs: true,
      Privileged: false,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      PidsLimit: 16,
    });
    expect(inspected.Config.User).toBe("65534:65534");
    expect(inspected.Mounts).toEqual([]);
    expect(JSON.stringify(inspected)).not.toMatch(/the-script|the-token/);
  });

  test.concurrent("is never shared by two jobs at once, nor by two runs", async () => {
    await using run = await Run.begin(20);
    run.executor.prepare((await image("busybox")).name, { jobs: 20, atOnce: 2 });
    await run.ready(2);
    const start = async (spec: AttemptSpec) => {
      const execution = await run.executor.start(spec, never());
      await readUntil(execution, "up");
      return execution;
    };
    const specs = [1, 2, 3].map(() => run.spec(["echo up; sleep 60"]));
    const other = run.spec(["echo up; sleep 60"]);
    specs.push({ ...other, labels: { ...other.labels, run: "another" } });
    const executions = await Promise.all(specs.map(start));
    const modes = await Promise.all(
      specs.map(async ({ name }) =>
        (await $`docker inspect -f ${"{{.HostConfig.NetworkMode}}"} ${name}`.text()).trim(),
      ),
    );
    expect(new Set(modes.slice(0, 3)).size).toBe(3);
    expect(modes.slice(0, 3)).toContainEqual(expect.stringMatching(/^container:/));
    expect(modes[3]).not.toMatch(/^container:/);
    await Promise.all(executions.map((execution) => execution[Symbol.asyncDispose]()));
  });

  test.concurrent("passes nothing on of what a job wrote into the files of the network", async () => {
    await using run = await Run.begin(5);
    await run.job(["true"]);
    await run.ready(1);
    const spoiling =
      "echo 10.0.0.1 registry.example.org >> /etc/hosts; echo nameserver 10.0.0.1 > /etc/resolv.conf";
    const { log, result } = await run.job([ADDRESS, spoiling]);
    expect(result.status).toBe("success");
    const next = await run.job([ADDRESS, "cat /etc/hosts /etc/resolv.conf"]);
    expect(next.log).not.toContain("10.0.0.1");
    expect(addressIn(next.log)).not.toBe(addressIn(log));
  });

  test.concurrent("takes no forged report of what a job has left behind", async () => {
    await using run = await Run.begin(5);
    await run.job(["true"]);
    await run.ready(1);
    // All that a keeper prints, with an address among the lines that are shortened before they are compared.
    const forge = `tables=$(cat /proc/net/tcp /proc/net/udp /proc/net/unix)
{ cat /etc/hosts /etc/hostname /etc/resolv.conf; printf '%s\\n' "$tables" | sed '2s/.*/6.6.6.6 a b c registry.example.org/'; printf '\\n.\\n'; } > /tmp/report
cat /tmp/report > /etc/hosts; grep 6.6.6.6 /etc/hosts`;
    const forged = await run.job([forge]);
    expect(forged.log).toContain("6.6.6.6 a b c registry.example.org");
    const { log } = await run.job(["cat /etc/hosts"]);
    expect(log).not.toContain("6.6.6.6");
  });

  test.concurrent("passes on no rights that a job gave to the files of the network", async () => {
    await using run = await Run.begin(5);
    await run.job(["true"]);
    await run.ready(1);
    expect((await run.job(["chmod 606 /etc/hosts", "ls -ln /etc/hosts"])).log).toContain("-rw----rw-");
    expect((await run.job(["ls -ln /etc/hosts"])).log).toContain("-rw-r--r--");
  });

  test.concurrent("passes on no connection that lingers", async () => {
    await using run = await Run.begin(5);
    await run.job(["true"]);
    await run.ready(1);
    // Who closes first, and whether in order, is left to chance: once more until one side waits.
    // 06: TIME_WAIT, which keeps a port from being bound for a minute; ports from 1F40 on.
    const talk = `port=8000
until grep -q '0100007F:1F4. .*06 ' /proc/net/tcp; do
  (echo hello | nc -l -p $port >/dev/null) & until echo hi | nc -w 20 127.0.0.1 $port; do :; done; wait
  port=$((port + 1))
done`;
    const talked = await run.job([talk, "cat /proc/net/tcp"]);
    expect(talked.log).toMatch(/0100007F:1F4. \S+ 06 |0100007F:\S+ 0100007F:1F4. 06 /);
    const next = await run.job(["cat /proc/net/tcp"]);
    expect(next.log).not.toMatch(/:1F4. /);
  });

  test.concurrent("that is lost keeps no job from running, once", async () => {
    await using run = await Run.begin(6);
    await run.job(["true"]);
    const [lost] = await run.ready(1);
    await $`docker kill ${lost}`.quiet();
    const { log, result } = await run.job(["echo ran"]);
    expect(result.status).toBe("success");
    expect(log.match(/^ran$/gm)).toHaveLength(1);
    const { result: next } = await run.job(["true"]);
    expect(next.status).toBe("success");
  });

  test.concurrent("serves after_script, too, which starts the container again", async () => {
    await using run = await Run.begin(4);
    await run.job(["true"]);
    await run.ready(1);
    const { log } = await run.job([ADDRESS], { afterScript: [ADDRESS] });
    const [main, after] = log.match(/^address=.*$/gm)!;
    expect(after).toBe(main!);
  });

  test.concurrent("is not there for images without a shell, and their jobs say what is wrong as ever", async () => {
    await using run = await Run.begin(4, "no-shell");
    for (let job = 0; job < 2; job++) {
      const { result } = await run.job(["true"]);
      expect(result.failureReason).toBe("image_without_shell");
    }
    await run.executor[Symbol.asyncDispose]();
    expect(await labelledObjects(run.bench.instance)).toEqual([]);
  });

  test.concurrent("keeps no job from being canceled while it starts", async () => {
    await using run = await Run.begin(9);
    await run.job(["true"]);
    await run.ready(1);
    for (const phase of ["workspace", "start"]) {
      const stop = new AbortController();
      const spec = run.spec(["echo must-not-run"]);
      const onPhase = (reached: string) => {
        if (reached === phase) stop.abort("cancel");
      };
      await using execution = await run.executor.start({ ...spec, onPhase }, stop.signal);
      expect((await execution.result).status).toBe("canceled");
      expect(await readLog(execution)).toBe("");
    }
    expect((await run.job(["true"])).result.status).toBe("success");
  });

  test.concurrent("is gone with its executor, and at the end of its run", async () => {
    await using run = await Run.begin(3);
    run.executor.prepare((await image("busybox")).name, { jobs: 3, atOnce: 1 });
    await run.ready(1);
    for (let job = 0; job < 3; job++) await run.job(["true"]);
    await eventually(async () => (await run.sandboxes()).length === 0, { withinMs: 20_000 });
    run.executor.prepare((await image("busybox")).name, { jobs: 3, atOnce: 1 });
    await run.ready(1);
    await run.executor[Symbol.asyncDispose]();
    expect(await labelledObjects(run.bench.instance)).toEqual([]);
  });

  test.concurrent("is swept away when its process is gone, but not from under a job that goes on", async () => {
    await using run = await Run.begin(4);
    run.executor.prepare((await image("busybox")).name, { jobs: 4, atOnce: 2 });
    await run.ready(2);
    const spec = run.spec(["echo up; sleep 60"]);
    const execution = await run.executor.start(spec, never());
    await readUntil(execution, "up");
    const isLive = async () => true;
    await run.executor.sweep(isLive);
    expect(await run.sandboxes()).toHaveLength(2);
    const heir = createDockerExecutor({
      connection: { host: dockerHost() },
      instance: run.bench.instance,
      stateDir: run.bench.stateDir,
      owner: { ...owner, isAlive: async () => false },
    });
    await heir.sweep(isLive);
    const [kept, ...more] = await run.sandboxes();
    expect(more).toEqual([]);
    expect((await $`docker inspect -f ${"{{.HostConfig.NetworkMode}}"} ${spec.name}`.text()).trim()).toBe(
      `container:${kept}`,
    );
    await heir.sweep(async () => false);
    expect(await labelledObjects(run.bench.instance)).toEqual([]);
    await execution[Symbol.asyncDispose]();
    await heir[Symbol.asyncDispose]();
  });
});
