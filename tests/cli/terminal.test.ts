import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { Sandbox } from "../support/sandbox.ts";
import { startAtTerminal } from "../support/terminal.ts";

const PIPELINE = `
name: web
stages: [build, test]
jobs:
  compile: { stage: build, script: ["echo compiling", "sleep 0.5"] }
  unit: { stage: test, script: ["seq 1 50", "sleep 0.3"] }
  lint: { stage: test, script: ["echo the last words", "exit 3"] }
`;
const SLOW = `
name: slow
stages: [test]
jobs:
  wait: { stage: test, script: ["trap '' TERM", "echo begun", "while true; do sleep 0.1; done"] }
`;

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await Sandbox.open({ ".cicd-pipelines/web.yml": PIPELINE, "slow.yml": SLOW });
}, 60_000);
afterAll(() => sandbox[Symbol.asyncDispose]());

const atTerminal = (args: string[], environment?: Record<string, string>) =>
  startAtTerminal(sandbox, args, environment);

const withoutTimes = (text: string) => text.replace(/\d+(\.\d+)?(m?s\b)/g, "T").replace(/ +/g, " ");

describe("at a terminal", () => {
  test("a run is shown live, and ends as lines that stay", async () => {
    const { child, screen, seen } = await atTerminal(["run", "--executor", "shell"]);
    expect(await child.exited).toBe(1);
    await eventually(() => screen.toString().includes("web #1 failed"));
    expect(seen.some((text) => /● compile +build +\S+ .*\n +0 of 3 jobs done · 2 waiting$/.test(text))).toBe(
      true,
    );
    const lines = withoutTimes(screen.toString()).split("\n");
    expect(lines[0]).toMatch(/^web #1 · main · [0-9a-f]{8} Begin · 0 modified, 0 untracked · shell$/);
    expect(lines[1]).toBe("✓ compile T");
    expect(lines.slice(2, 4).sort()).toEqual(["✓ unit T", "✗ lint T exit code 3"].sort());
    expect(lines[4]).toBe("");
    expect(lines[5]).toMatch(/^── lint: the last \d+ lines ──$/);
    expect(lines).toContain("the last words");
    expect(lines.slice(-4)).toEqual([
      " build ✓ compile T",
      " test ✓ unit T",
      " ✗ lint T exit code 3",
      "✗ web #1 failed in T",
    ]);
    expect(screen.toString()).not.toContain("●");
    expect(screen.toString()).not.toContain("\n50\n");
    expect(screen.unknown).toEqual([]);
  });

  test("verbose shows every line of the logs above the live part", async () => {
    const { child, screen } = await atTerminal(["run", "-v", "--executor", "shell"]);
    expect(await child.exited).toBe(1);
    await eventually(() => screen.toString().includes("web #2 failed"));
    const text = screen.toString();
    const numbers = [...text.matchAll(/^\[unit\] (\d+)$/gm)].map(([, number]) => Number(number));
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(screen.unknown).toEqual([]);
  });

  test("Ctrl-C cancels and says how to kill, Ctrl-C again kills what does not listen", async () => {
    const { child, terminal, screen, seen } = await atTerminal([
      "run",
      "-f",
      "slow.yml",
      "--executor",
      "shell",
    ]);
    await eventually(() => screen.toString().includes("$ while true"));
    terminal.write("\x03");
    await eventually(() => screen.toString().includes("canceling, Ctrl-C again to kill"));
    terminal.write("\x03");
    expect(await child.exited).toBe(130);
    await eventually(() => screen.toString().includes("slow #1 was canceled"));
    expect(seen.at(-1)).toMatch(/⊘ wait \S+ canceled/);
  }, 15_000);

  test("without Docker the user is asked, and yes runs in the shell", async () => {
    const { child, terminal, screen } = await atTerminal(["run"], {
      DOCKER_HOST: "unix:///nonexistent.sock",
    });
    await eventually(() =>
      screen.toString().includes("Run on this machine without containers instead? [y/N]"),
    );
    terminal.write("y\n");
    expect(await child.exited).toBe(1);
    await eventually(() => /web #\d+ failed/.test(screen.toString()));
    expect(screen.toString()).toContain("· shell");
  });

  test("without Docker anything but yes is an error with the way out", async () => {
    const { child, terminal, screen } = await atTerminal(["run"], {
      DOCKER_HOST: "unix:///nonexistent.sock",
    });
    await eventually(() => screen.toString().includes("[y/N]"));
    terminal.write("\n");
    expect(await child.exited).toBe(3);
    await eventually(() => screen.toString().includes("--executor shell"));
  });

  test("a dumb terminal gets plain lines", async () => {
    const { child, screen, seen } = await atTerminal(["run", "--executor", "shell"], { TERM: "dumb" });
    expect(await child.exited).toBe(1);
    await eventually(() => /web #\d+ failed/.test(screen.toString()));
    expect(screen.toString()).toContain("\n[compile] compiling\n");
    expect(seen.join("")).not.toContain("●");
  });
});
