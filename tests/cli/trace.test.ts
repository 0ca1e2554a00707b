import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { TraceJson } from "../../src/app/trace.ts";
import { expectChromeTrace } from "../support/chrome-trace.ts";
import { Sandbox } from "../support/sandbox.ts";

/** In Docker; the sleeps are long against what starting a container takes. */
const DIAMOND = `
name: diamond
stages: [one, two, three]
default: { image: "cicd-test/busybox:1" }
jobs:
  top: { stage: one, script: [echo made > out], artifacts: { paths: [out] } }
  slow: { stage: two, needs: [top], script: [sleep 2, cat out] }
  quick: { stage: two, needs: [top], script: ["true"] }
  join: { stage: three, needs: [slow, quick], script: ["true"] }
`;
/** On the host itself, two at a time: the third gets the slot of the short one. */
const FAN = `
name: fan
stages: [only]
jobs:
  long: { stage: only, script: sleep 0.3 }
  short: { stage: only, script: sleep 0.1 }
  third: { stage: only, script: sleep 0.8 }
`;

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await Sandbox.open({ ".cicd-pipelines/diamond.yml": DIAMOND, ".cicd-pipelines/fan.yml": FAN });
}, 120_000);
afterAll(() => sandbox[Symbol.asyncDispose]());

async function runAndTrace(...flags: string[]): Promise<{ trace: TraceJson; outsideMs: number }> {
  const startedAt = performance.now();
  const child = sandbox.start("run", "-q", ...flags);
  await child.exited;
  const outsideMs = performance.now() - startedAt;
  expect(child.exitCode).toBe(0);
  const { stdout, status } = await sandbox.cicd("trace", "--json");
  expect(status).toBe(0);
  return { trace: JSON.parse(stdout) as TraceJson, outsideMs };
}

const critical = ({ attempts }: TraceJson) =>
  attempts.filter(({ isCritical }) => isCritical).map(({ job }) => job);

describe("cicd trace", () => {
  test("accounts for the time of a run in Docker, from the outside, and names its critical path", async () => {
    // A busy machine delays the start and the end of a process, which it cannot see itself; what was not counted would lack each time.
    const differences: number[] = [];
    let trace: TraceJson;
    do {
      const run = await runAndTrace("-p", "diamond");
      trace = run.trace;
      differences.push(Math.abs(trace.sumMs - run.outsideMs) / run.outsideMs);
    } while (differences.at(-1)! >= 0.02 && differences.length < 3);
    expect(Math.min(...differences)).toBeLessThan(0.02);
    expect(trace.sumMs).toBeCloseTo(trace.wallMs, 1);
    expect(critical(trace)).toEqual(["top", "slow", "join"]);
    expect(trace.notes).toEqual([]);
    for (const { isMeasured, spans } of trace.attempts) {
      const phases = new Set(spans.map(({ phase }) => phase));
      expect(isMeasured).toBe(true);
      for (const phase of ["queued", "start", "script", "record", "cleanup"] as const)
        expect(phases.has(phase)).toBe(true);
    }
    const top = trace.attempts.find(({ job }) => job === "top")!;
    expect(top.spans.some(({ phase }) => phase === "artifacts")).toBe(true);
    const script = trace.attempts
      .find(({ job }) => job === "slow")!
      .spans.filter(({ phase }) => phase === "script")
      .reduce((sum, { durationMs }) => sum + durationMs, 0);
    expect(script).toBeGreaterThan(2_000);
    const own = new Set(trace.process.map(({ phase }) => phase));
    for (const phase of ["startup", "source", "snapshot", "record", "cleanup", "closing"] as const)
      expect(own.has(phase)).toBe(true);
    const viewed = await sandbox.cicd("trace", "-p", "diamond", "--run", "1", "--chrome", "viewed.json");
    expect(viewed.status).toBe(0);
    expect(viewed.stdout).toContain("critical path (*): top → slow → join\n");
    expect(viewed.stdout).not.toContain("\u001b");
    const { traceEvents } = await Bun.file(join(sandbox.repo, "viewed.json")).json();
    expect(traceEvents.length).toBeGreaterThan(20);
    expectChromeTrace(traceEvents);
  }, 60_000);

  test("finds the job whose slot another one had to wait for", async () => {
    const { trace } = await runAndTrace("-p", "fan", "--executor", "shell", "--jobs", "2");
    expect(trace.attempts.length).toBe(3);
    const [first, second] = trace.attempts.slice(0, 2);
    const endOf = (attempt: typeof first) =>
      attempt!.spans
        .filter(({ phase }) => phase !== "cleanup")
        .reduce((end, { startMs, durationMs }) => Math.max(end, startMs + durationMs), 0);
    const giver = endOf(first) < endOf(second) ? first! : second!;
    const waiting = trace.attempts[2]!;
    expect(critical(trace)).toEqual([giver.job, waiting.job]);
    const queued = waiting.spans.find(({ phase }) => phase === "queued")!;
    expect(queued.durationMs).toBeGreaterThan(90);
  }, 60_000);

  test("says where there is no such run", async () => {
    const { status, stderr } = await sandbox.cicd("trace", "-p", "diamond", "--run", "99");
    expect([status, stderr.includes("there is no such run #99")]).toEqual([2, true]);
  }, 60_000);
});
