import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { AnswerOf } from "../../src/api/routes.ts";
import { ServerFixture } from "./fixture.ts";

const FILES = 6;
/** Some 400 kB of jobs, each with two problems. */
const file = (index: number) => ({
  file: `f${index}.yml`,
  text: `name: n${index}\njobs:\n${Array.from(
    { length: 7_000 },
    (_, job) => `  j${job}: {stage: test, script: "x", imag: y, needs: [a${job}]}\n`,
  ).join("")}`,
});

let fixture: ServerFixture;
beforeAll(async () => {
  fixture = await ServerFixture.open({ limits: { judging: 1 } });
});
afterAll(() => fixture[Symbol.asyncDispose]());

describe("large pipeline files", () => {
  test("are judged one by one: the server answers meanwhile, and refuses who comes too many", async () => {
    const files = Array.from({ length: FILES }, (_, index) => file(index));
    let longestMs = 0;
    let last = performance.now();
    const ticking = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - last);
      last = performance.now();
    }, 5);
    const startedAt = performance.now();
    // Either may come first; the small ones are over at once.
    const checking = (async () => {
      for (;;) {
        const response = await fixture.fetch("/api/v1/check", {
          body: { files },
          token: fixture.token("read"),
        });
        const answer = await response.json();
        if (response.status !== 503) return answer as AnswerOf<"check">;
      }
    })();
    let refused: number | undefined;
    const asking = (async () => {
      while (refused !== 503) {
        const response = await fixture.fetch("/api/v1/check", { body: { files: [{ file: "a", text: "" }] } });
        await response.text();
        refused = response.status;
      }
    })();
    const { valid, diagnostics } = await checking;
    const tookMs = performance.now() - startedAt;
    clearInterval(ticking);
    await asking;
    expect(longestMs).toBeLessThan(tookMs / 2);
    expect(valid).toBe(false);
    expect(diagnostics.length).toBe(1_000 + FILES);
    expect(diagnostics.at(-1)).toMatchObject({
      code: "CONFIG_TOO_MANY_PROBLEMS",
      file: `f${FILES - 1}.yml`,
    });
  }, 30_000);

  test("are no more than 4 MiB in all", async () => {
    const text = "#".repeat(1024 * 1024);
    const files = Array.from({ length: 5 }, (_, index) => ({ file: `f${index}.yml`, text }));
    const refused = await fixture.refusal("/api/v1/check", { body: { files } });
    expect([refused.status, refused.code]).toEqual([413, "TOO_LARGE"]);
  });
});
