import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createDockerExecutor } from "../../src/executor/docker/docker-executor.ts";
import type { WorkspaceMode } from "../../src/executor/docker/workspace-volumes.ts";
import type { Execution } from "../../src/run/executor.ts";
import { Bench, readLog } from "../contract/executor.ts";
import { dockerHost, labelledObjects } from "../support/docker.ts";
import { testImage } from "../support/images.ts";

setDefaultTimeout(60_000);

const connection = { host: dockerHost() };
const benches: Bench[] = [];
afterAll(async () => {
  for (const bench of benches) await bench.close();
});

/** A directory of the cache, what a job does to it, and whether it is still what the cache holds. */
const DEEDS: [directory: string, script: string, untouched: boolean][] = [
  ["kept", "true", true],
  ["read", "cat read/f read/deep/f; ls -lR read; find read -exec stat {} + >/dev/null", true],
  ["changed", "echo more >> changed/deep/f", false],
  ["same", "cp -p same/f /tmp/f; cat /tmp/f > same/f; touch -r /tmp/f same/f", false],
  ["added", "touch added/new", false],
  ["removed", "rm removed/deep/f", false],
  ["gone", "rm -r gone", false],
  ["emptied", "rm -r emptied; mkdir emptied", false],
  ["again", "cp -a again /tmp; rm -r again; cp -a /tmp/again .", false],
  ["moved", "mv moved elsewhere; mv elsewhere moved", false],
  ["mode", "chmod 600 mode/f", false],
  ["linked", "rm -r linked; ln -s kept linked", false],
  ["mixed", "true", false],
  ["up/cache", "rm -r up; mkdir up", false],
  ["beside/cache", "touch beside/new", false],
  ["below/cache", "true", true],
];

async function jobOf(workspaceMode: WorkspaceMode) {
  const bench = new Bench((place) => createDockerExecutor({ ...place, connection, workspaceMode }));
  benches.push(bench);
  const name = await testImage("busybox");
  await bench.open({ name, entrypoint: undefined, pullPolicy: "never" });
  const files = DEEDS.flatMap(([directory]) => [`${directory}/f`, `${directory}/deep/f`]);
  const cache = bench.layer(Object.fromEntries(files.map((path) => [path, path])));
  const snapshot = bench.layer({ "src/a": "a", "mixed/own": "own", "below/own": "own" });
  const spec = bench.spec({ script: DEEDS.map(([, script]) => script) }, { layers: [snapshot, cache] });
  const execution = await bench.executor.start(spec, new AbortController().signal);
  await readLog(execution);
  expect(await execution.result).toMatchObject({ status: "success" });
  return { bench, execution, cache, snapshot };
}

let over: Awaited<ReturnType<typeof jobOf>>;
beforeAll(async () => {
  over = await jobOf("overlay");
});

const isUntouched = (execution: Execution, layer: string, ...paths: string[]) =>
  execution.isUntouched!(layer, { paths, exclude: [] });

test("what a job did to a cache's paths is found out without reading it", async () => {
  const { execution, cache } = over;
  const found = await Promise.all(
    DEEDS.map(async ([directory, script]) => [
      directory,
      script,
      await isUntouched(execution, cache, `${directory}/`),
    ]),
  );
  expect(found).toEqual(DEEDS);
});

test("several paths are untouched if each of them is, and what cannot be told is not", async () => {
  const { execution, cache, snapshot } = over;
  const ask = (...paths: string[]) => isUntouched(execution, cache, ...paths);
  expect(await ask("kept", "read/**/*.js", "below/cache/f*")).toBe(true);
  expect(await ask("kept", "added")).toBe(false);
  expect(await ask("kept", "missing")).toBe(false);
  expect(await ask("kept", "*/x")).toBe(false);
  expect(await ask()).toBe(false);
  expect(await isUntouched(execution, snapshot, "kept")).toBe(false);
  const untracked = { paths: ["kept"], exclude: [], isUntracked: () => false };
  expect(await execution.isUntouched!(cache, untracked)).toBe(false);
});

test("nothing stays of the looking", async () => {
  const { bench, execution } = over;
  expect((await labelledObjects(bench.instance)).filter((name) => name.endsWith("-view"))).toHaveLength(1);
  await execution[Symbol.asyncDispose]();
  expect(await labelledObjects(bench.instance)).toEqual([]);
});

test("where layers are copied it cannot be told", async () => {
  const { execution, cache } = await jobOf("copy");
  await using _ = execution;
  expect(await isUntouched(execution, cache, "kept")).toBe(false);
});
