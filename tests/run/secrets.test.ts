import { afterEach, expect, test } from "bun:test";
import { CicdError } from "../../src/errors/cicd-error.ts";
import type { FakeProgram } from "../../src/executor/fake/fake-engine.ts";
import { FakeExecutor } from "../../src/executor/fake/fake-executor.ts";
import type { PlannedJob } from "../../src/plan/plan.ts";
import type { Secret, SecretSource } from "../../src/run/secret-source.ts";
import type { RunDetail } from "../../src/run/store.ts";
import { eventually } from "../support/eventually.ts";
import { Orchestra } from "../support/orchestra.ts";
import { newRun, plannedJob, planOf } from "../support/plans.ts";

const TOKEN = "correct horse/battery+staple";
const KEY = "-----BEGIN-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END-----\n";

/** A store of secrets in memory, and who asked it. */
function sourceOf(secrets: Record<string, Partial<Secret>>): SecretSource & { asked: string[][] } {
  const asked: string[][] = [];
  return {
    asked,
    async read(_run, names) {
      asked.push([...names]);
      const known = names.filter((name) => secrets[name] !== undefined);
      return new Map(
        known.map((name) => [name, { value: TOKEN, file: false, former: [], ...secrets[name] }]),
      );
    },
  };
}

let orchestra: Orchestra | undefined;
afterEach(async () => {
  await orchestra?.[Symbol.asyncDispose]();
});

async function run(
  program: FakeProgram,
  {
    secrets,
    change = {},
    isFork = false,
  }: { secrets: SecretSource; change?: Partial<PlannedJob>; isFork?: boolean },
): Promise<{ detail: RunDetail; log: string }> {
  orchestra = await Orchestra.open({ programs: { job: program } });
  const plan = planOf([plannedJob("job", change)]);
  const pullRequest = { number: 7, title: "x", isFork, sourceBranch: "x", targetBranch: "main" };
  const detail = await orchestra.run({ ...plan, pullRequest }, { secrets });
  return { detail, log: await orchestra.log(detail, "job") };
}

/** Prints a text in writes of one byte. */
function inBytes(print: (text: string) => void, text: string): void {
  for (const char of text) print(char);
}

test("a job is given the secrets that it names, and its log shows none of them, however they are printed", async () => {
  const { log } = await run(
    async ({ print, environment }) => {
      const { TOKEN: token = "" } = environment;
      inBytes(print, `plain ${token}\n`);
      print(`base64 ${Buffer.from(`user:${token}`).toString("base64")}\n`);
      print(`colours ${token.slice(0, 9)}\u001b[1m${token.slice(9)}\n`);
      print(`address https://u:${encodeURIComponent(token)}@example.org\n`);
      print(`json ${JSON.stringify({ token })}\n`);
      print(`last ${token}`);
      return token === TOKEN ? 0 : 1;
    },
    { secrets: sourceOf({ TOKEN: {} }), change: { secrets: ["TOKEN"] } },
  );
  expect(log).not.toMatch(/horse|battery|aG9yc2|b3JzZ/);
  expect(log).toContain("plain [MASKED]\n");
  expect(log).toContain("address https://u:[MASKED]@example.org\n");
  expect(log).toEndWith("last [MASKED]");
});

test("no other job is given a secret, and nobody is asked for it", async () => {
  const secrets = sourceOf({ TOKEN: {} });
  const { log } = await run(
    async ({ print, environment }) => {
      print(`${environment.TOKEN}\n`);
      return 0;
    },
    { secrets },
  );
  expect(log).toContain("undefined\n");
  expect(secrets.asked).toEqual([]);
});

test("what one job is given does not show in the log of another that gets its files, nor in lists", async () => {
  const make = plannedJob("make", {
    secrets: ["TOKEN"],
    artifacts: {
      ...{ name: undefined, exclude: [], when: "on_success", expireInMs: null },
      paths: ["*.txt"],
      reports: { junit: [], dotenv: ["d.env"], others: [] },
    } as never,
  });
  const use = plannedJob("use", { stage: "test", stageIndex: 1, artifactsFrom: ["make"] });
  orchestra = await Orchestra.open({
    programs: {
      make: async ({ environment, write }) => {
        const { TOKEN: token = "" } = environment;
        write("a.txt", token);
        write(`${token.slice(0, 13)}x.txt`, "not quite");
        write(`x${Buffer.from(token).toString("hex")}.txt`, "");
        write("d.env", `PLAIN=plain\nADDRESS=https://me:${token}@example.org\n`);
        return 0;
      },
      use: async ({ print, read, environment }) => {
        print(`${read("a.txt")}|${environment.TOKEN}|${environment.PLAIN}|${environment.ADDRESS}\n`);
        return 0;
      },
    },
  });
  const detail = await orchestra.run(planOf([make, use]), { secrets: sourceOf({ TOKEN: {} }) });
  expect(await orchestra.log(detail, "use")).toContain("[MASKED]|undefined|plain|undefined\n");
  const log = await orchestra.log(detail, "make");
  expect(log).toContain('artifacts: "x[MASKED].txt" is left out: its name holds a secret');
  expect(log).toContain("dotenv: left out, as they hold a secret: ADDRESS");
  expect(detail.artifacts.map(({ path }) => path)).toEqual(["a.txt", "correct horsex.txt", "d.env"]);
  expect(JSON.stringify(detail)).not.toContain("battery");
});

test("a secret that cannot be opened fails who names it, and nobody else", async () => {
  const secrets: SecretSource = {
    read: async () => {
      throw new CicdError("SECRET_KEY_INVALID", "sealed with another key");
    },
  };
  orchestra = await Orchestra.open({ programs: { other: async () => 0 } });
  const plan = planOf([plannedJob("job", { secrets: ["TOKEN"], allowFailure: true }), plannedJob("other")]);
  const detail = await orchestra.run(plan, { secrets });
  const states = detail.jobs.map(({ name, state }) => [name, state]);
  expect(states).toEqual([
    ["job", "failed"],
    ["other", "success"],
  ]);
});

test("the pull request of a fork is given none, and its log says so", async () => {
  const secrets = sourceOf({ TOKEN: {} });
  const { log } = await run(
    async ({ print, environment }) => {
      print(`${environment.TOKEN}\n`);
      return 0;
    },
    { secrets, change: { secrets: ["TOKEN"] }, isFork: true },
  );
  expect(log).toContain("secrets are not given to a fork's pull request: TOKEN");
  expect(log).toContain("undefined\n");
  expect(secrets.asked).toEqual([]);
});

test("a secret that is not set is told of, but not a name that a script only refers to", async () => {
  const quiet: FakeProgram = async () => 0;
  const change = { secrets: ["TOKEN", "OTHER"] };
  const { log } = await run(quiet, { secrets: sourceOf({ TOKEN: {} }), change });
  expect(log).toContain("warning: no secret of this name is set: OTHER");
  await orchestra![Symbol.asyncDispose]();
  const inferred = { ...change, secretsInferred: true as const };
  expect((await run(quiet, { secrets: sourceOf({}), change: inferred })).log).not.toContain("no secret");
});

test("the value that a secret had until lately is masked, too", async () => {
  const { log } = await run(
    async ({ print }) => {
      print("former value one, and a common text\n");
      return 0;
    },
    { secrets: sourceOf({ TOKEN: { former: ["former value one"] } }), change: { secrets: ["TOKEN"] } },
  );
  expect(log).toContain("[MASKED], and a common text\n");
});

test("stands over the job's variables, goes into those that refer to it, and into files byte for byte", async () => {
  const variables = {
    TOKEN: "the job's own",
    AUTH: "Bearer $TOKEN",
    RAW: { value: "$TOKEN", expand: false },
  };
  const { detail } = await run(
    async ({ environment }) => {
      const seen = [environment.TOKEN, environment.AUTH, environment.RAW, environment.KEY];
      const wanted = [TOKEN, `Bearer ${TOKEN}`, "$TOKEN", "/files/KEY"];
      const [container] = orchestra!.engine.containers.values();
      expect(container!.spec.files).toEqual([{ name: "KEY", text: KEY }]);
      return JSON.stringify(seen) === JSON.stringify(wanted) ? 0 : 1;
    },
    {
      secrets: sourceOf({ TOKEN: {}, KEY: { value: KEY, file: true } }),
      change: { secrets: ["TOKEN", "KEY"], variables },
    },
  );
  expect(detail.run.status).toBe("success");
});

/** As where the engine repeats the name of an image. */
class FailingExecutor extends FakeExecutor {
  override async start(): Promise<never> {
    throw new CicdError("DOCKER_FAILED", `no access with ${TOKEN}`);
  }
}

test("what went wrong is recorded without the secret that it names", async () => {
  orchestra = await Orchestra.open();
  const executor = new FailingExecutor(orchestra.engine, "testinstance");
  const plan = planOf([plannedJob("job", { secrets: ["TOKEN"] })]);
  const detail = await orchestra.run(plan, { secrets: sourceOf({ TOKEN: {} }), executor });
  const stored = JSON.stringify(detail) + (await orchestra.log(detail, "job"));
  expect(stored).toContain("no access with [MASKED]");
  expect(stored).not.toContain("horse");
});

test("a secret that cannot be opened fails the job for good, says which and what to do, and nothing is started", async () => {
  let asked = 0;
  const secrets: SecretSource = {
    read: async () => {
      asked += 1;
      throw new CicdError("SECRET_KEY_INVALID", "the secret TOKEN cannot be opened", {
        hint: "set it again",
      });
    },
  };
  const retry = { max: 2 as const, when: [], exitCodes: [] };
  const { detail, log } = await run(async () => 0, { secrets, change: { secrets: ["TOKEN"], retry } });
  const [job] = detail.jobs;
  expect([job!.state, job!.failureReason, job!.attempt, asked]).toEqual(["failed", "config_error", 1, 1]);
  const said = "the secret TOKEN cannot be opened; set it again [SECRET_KEY_INVALID]";
  expect(detail.attempts[0]!.message).toBe(said);
  expect(Bun.stripANSI(log)).toContain(`cicd: ${said}\n`);
  expect(orchestra!.engine.started).toEqual([]);
});

test("a secret that was removed while the run was under way is not given any more, and still masked", async () => {
  const { detail, log } = await run(
    async ({ print, environment }) => {
      print(`${environment.TOKEN} ${TOKEN}\n`);
      return 0;
    },
    { secrets: sourceOf({ TOKEN: { isRemoved: true } }), change: { secrets: ["TOKEN"] } },
  );
  expect(detail.run.status).toBe("success");
  expect(log).toContain("warning: no secret of this name is set: TOKEN");
  expect(log).toContain("undefined [MASKED]\n");
});

test("who takes over a job goes on with its masked log, in the midst of a secret", async () => {
  const released = Promise.withResolvers<void>();
  const program: FakeProgram = async ({ print }) => {
    print(`one ${TOKEN} and ${TOKEN.slice(0, 9)}`);
    await released.promise;
    print(`${TOKEN.slice(9)} two\n`);
    return 0;
  };
  orchestra = await Orchestra.open({ programs: { job: program } });
  const { id } = await orchestra.store.createRun(
    newRun("r", planOf([plannedJob("job", { secrets: ["TOKEN"] })])),
  );
  const options = { scope: { kind: "runs" as const, runIds: [id] }, secrets: sourceOf({ TOKEN: {} }) };
  const crash = new AbortController();
  const crashed = orchestra.worker(options).run(crash.signal);
  const log = async () => orchestra!.log((await orchestra!.store.readRun(id))!, "job");
  await eventually(async () => (await log()).includes("and"));
  expect(await log()).toEndWith("one [MASKED] and ");
  crash.abort("detach");
  await crashed;
  await using second = orchestra.worker(options);
  const done = second.run(new AbortController().signal);
  released.resolve();
  await done;
  expect(await log()).toEndWith("one [MASKED] and [MASKED] two\n");
});
