import { expect, test } from "bun:test";
import { Sandbox } from "../support/sandbox.ts";

const JOBS = 50;
const LINES = 1_000;

test(`${JOBS} parallel jobs that print a nonce ${LINES} times each: every log holds only its own, complete, byte for byte`, async () => {
  const nonces = Array.from({ length: JOBS }, () => crypto.randomUUID());
  const jobs = nonces.map(
    (nonce, index) =>
      `  j${index}: { stage: build, script: "i=0; while [ $i -lt ${LINES} ]; do echo ${nonce} $i; i=$((i+1)); done" }`,
  );
  const pipeline = `name: wide\ndefault: { image: "cicd-test/busybox:1" }\njobs:\n${jobs.join("\n")}\n`;
  await using sandbox = await Sandbox.open({ ".cicd-pipelines/wide.yml": pipeline });
  const run = await sandbox.cicd("run", "--quiet", "--jobs", "16");
  expect(run).toMatchObject({ status: 0 });
  for (const [index, nonce] of nonces.entries()) {
    const { stdout } = await sandbox.cicd("logs", "-p", "wide", "--job", `j${index}`);
    const printed = stdout.slice(stdout.indexOf(`\n${nonce} 0\n`) + 1);
    expect(printed).toBe(Array.from({ length: LINES }, (_, line) => `${nonce} ${line}\n`).join(""));
    for (const other of nonces) if (other !== nonce) expect(stdout.includes(other)).toBe(false);
  }
  expect(await sandbox.dockerObjects()).toEqual([]);
}, 180_000);
