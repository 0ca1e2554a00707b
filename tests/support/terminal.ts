import { binary } from "./binary.ts";
import type { Sandbox } from "./sandbox.ts";
import { Screen } from "./screen.ts";

/** Runs cicd at a terminal, of 80 columns unless told. `seen`: the screen after everything that was written to it. */
export async function startAtTerminal(
  sandbox: Sandbox,
  args: string[],
  environment: Record<string, string> = {},
  cols = 80,
) {
  const screen = new Screen();
  const decoder = new TextDecoder();
  const seen: string[] = [];
  const child = Bun.spawn([await binary(), ...args], {
    cwd: sandbox.repo,
    env: { ...sandbox.environment, TERM: "xterm-256color", ...environment },
    terminal: {
      cols,
      rows: 24,
      data(_, data) {
        screen.write(decoder.decode(data, { stream: true }));
        seen.push(screen.toString());
      },
    },
  });
  return { child, terminal: child.terminal!, screen, seen };
}
