import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { $ } from "bun";
import { createDockerExecutor } from "../../src/executor/docker/docker-executor.ts";
import type { PullPolicy } from "../../src/pipeline/pipeline.ts";
import { Bench, readLog } from "../contract/executor.ts";
import { dockerHost, labelledObjects } from "../support/docker.ts";
import { testImage } from "../support/images.ts";
import { type Registry, startRegistry, startSilentServer } from "../support/registry.ts";

setDefaultTimeout(120_000);

const bench = new Bench((place) => createDockerExecutor({ ...place, connection: { host: dockerHost() } }));
let registry: Registry;
let local: string;

beforeAll(async () => {
  registry = await startRegistry();
  local = await testImage("busybox");
  await bench.open(null);
});
afterAll(async () => {
  await bench.close();
  await registry[Symbol.asyncDispose]();
});

const image = (name: string, pullPolicy: PullPolicy) => ({
  name,
  entrypoint: undefined,
  pullPolicy,
});

test.concurrent("an image that is not there is pulled once for all jobs that wait for it, and progress is told", async () => {
  const name = await registry.publish(local, `${bench.instance}/shared:1`);
  const lines: string[] = [];
  const runs = Array.from({ length: 4 }, () =>
    bench.run(
      { script: ["true"], image: image(name, "if-not-present") },
      { onProgress: (line) => lines.push(line) },
    ),
  );
  for (const { result } of await Promise.all(runs)) expect(result).toMatchObject({ status: "success" });
  expect(lines.filter((line) => line === `Pulling ${name}`)).toHaveLength(4);
  expect(lines.filter((line) => line === `Pulled ${name}`)).toHaveLength(4);
  await $`docker rmi ${name}`.quiet();
});

test.concurrent("never does not pull, always does, and an image without a tag means latest alone", async () => {
  const name = await registry.publish(local, `${bench.instance}/policy`);
  const refused = await bench.run({ script: ["true"], image: image(name, "never") });
  expect(refused.result).toMatchObject({ status: "failed", failureReason: "image_pull_failure" });
  expect(refused.result.message).toContain("never");
  for (const _ of [1, 2]) {
    const lines: string[] = [];
    const pulled = await bench.run(
      { script: ["true"], image: image(name, "always") },
      { onProgress: (line) => lines.push(line) },
    );
    expect(pulled.result).toMatchObject({ status: "success" });
    expect(lines).toContain(`Pulled ${name}:latest`);
  }
  const again = await bench.run({ script: ["true"], image: image(name, "never") });
  expect(again.result).toMatchObject({ status: "success" });
  await $`docker rmi ${name}`.quiet();
});

test.concurrent("one that cannot be pulled is taken as it is there, where the policy says so, and that is told", async () => {
  const name = `${await registry.publish(local, `${bench.instance}/known`)}-not:1`;
  await $`docker tag ${local} ${name}`.quiet();
  const lines: string[] = [];
  const onProgress = (line: string) => lines.push(line);
  const job = { script: ["true"], image: image(name, "always-else-present") };
  expect((await bench.run(job, { onProgress })).result).toMatchObject({ status: "success" });
  expect(lines.at(-1)).toEndWith("The image that is on this machine is used.");
  await $`docker rmi ${name}`.quiet();
  expect((await bench.run(job)).result).toMatchObject({ failureReason: "image_pull_failure" });
});

test.concurrent("an image removed behind our back is pulled again", async () => {
  const name = await registry.publish(local, `${bench.instance}/removed:1`);
  const job = { script: ["true"], image: image(name, "if-not-present") };
  expect((await bench.run(job)).result).toMatchObject({ status: "success" });
  await $`docker rmi ${name}`.quiet();
  expect((await bench.run(job)).result).toMatchObject({ status: "success" });
  await $`docker rmi ${name}`.quiet();
});

test.concurrent("an image that does not exist is an image_pull_failure with Docker's reason and a hint", async () => {
  const published = await registry.publish(local, `${bench.instance}/exists:1`);
  const spec = bench.spec({
    script: ["true"],
    image: image(published.replace("exists:1", "missing:1"), "if-not-present"),
  });
  await using execution = await bench.executor.start(spec, new AbortController().signal);
  expect(await readLog(execution)).toBe("");
  const result = await execution.result;
  expect(result).toMatchObject({ status: "failed", exitCode: null, failureReason: "image_pull_failure" });
  expect(result.message).toMatch(/manifest.* unknown|not found/);
  expect(result.message).toContain("Check the image's name");
  expect(
    (await labelledObjects(bench.instance)).filter((name) => `${name}-`.startsWith(`${spec.name}-`)),
  ).toEqual([]);
});

test.concurrent("a pull that takes longer than the job may is a job_timeout, and nothing is left behind", async () => {
  await using silent = await startSilentServer();
  const spec = bench.spec(
    { script: ["true"], image: image(`${silent.address}/any/image:1`, "if-not-present") },
    { timeoutMs: 1_500 },
  );
  const began = performance.now();
  await using execution = await bench.executor.start(spec, new AbortController().signal);
  expect(await readLog(execution)).toBe("");
  expect(await execution.result).toMatchObject({
    status: "failed",
    exitCode: null,
    failureReason: "job_timeout",
  });
  expect(performance.now() - began).toBeWithin(1_400, 6_000);
  expect(
    (await labelledObjects(bench.instance)).filter((name) => `${name}-`.startsWith(`${spec.name}-`)),
  ).toEqual([]);
});

test.concurrent("a job that is aborted while its image is pulled is canceled, and the others get the image", async () => {
  const name = await registry.publish(local, `${bench.instance}/aborted:1`);
  const stop = new AbortController();
  const job = { script: ["true"], image: image(name, "if-not-present") };
  const aborted = bench.executor.start(
    bench.spec(job, { onProgress: () => stop.abort("cancel") }),
    stop.signal,
  );
  const other = bench.run(job);
  expect(await (await aborted).result).toMatchObject({ status: "canceled" });
  expect((await other).result).toMatchObject({ status: "success" });
  await $`docker rmi ${name}`.quiet();
});
