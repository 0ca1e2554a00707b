import type { FakeEngine, FakeIo, FakeProgram } from "./fake-engine.ts";

/**
 * Runs a job's script in the fake's own small language, a command per line: `echo TEXT`, `echo TEXT > FILE`, `cat FILE`,
 * `touch FILE`, `sleep SECONDS`, `exit N`, `true`, `false`, `ignore TERM`. `$NAME` stands for a variable. Prints each
 * command before it runs and stops at the first that fails, as the real executors do.
 */
export function fakeShell(engine: FakeEngine, commands: string[]): FakeProgram {
  return async (io) => {
    const state: ShellState = { ignoresTerm: false };
    for (const command of commands.flatMap((text) => text.split("\n"))) {
      io.print(`$ ${command}\n`);
      const ended = await runCommand(engine, expand(command.trim(), io.environment), io, state);
      if (isEnded(io.signal, state)) return io.signal.reason === "kill" ? 137 : 143;
      if (ended.exit || ended.code !== 0) return ended.code;
    }
    return 0;
  };
}

interface ShellState {
  ignoresTerm: boolean;
}

interface Ended {
  code: number;
  exit: boolean;
}

function isEnded(signal: AbortSignal, state: ShellState): boolean {
  return signal.aborted && (signal.reason === "kill" || !state.ignoresTerm);
}

async function runCommand(
  engine: FakeEngine,
  command: string,
  io: FakeIo,
  state: ShellState,
): Promise<Ended> {
  const [verb = "", ...words] = command.split(/\s+/);
  const rest = command.slice(verb.length).trim();
  switch (verb) {
    case "":
    case "true":
      return ok();
    case "false":
      return failed(1);
    case "exit":
      return { code: Number(words[0] ?? 0), exit: true };
    case "echo": {
      const [text = "", file] = rest.split(/\s*>\s*/);
      if (file === undefined) io.print(`${unquote(text)}\n`);
      else io.write(file, `${unquote(text)}\n`);
      return ok();
    }
    case "touch":
      io.write(rest, "");
      return ok();
    case "cat": {
      const text = io.read(rest);
      io.print(text ?? `cat: ${rest}: No such file or directory\n`);
      return text === undefined ? failed(1) : ok();
    }
    case "sleep":
      await sleepThrough(engine, Number(words[0]) * 1000, io.signal, state);
      return ok();
    case "ignore":
      state.ignoresTerm = true;
      return ok();
    default:
      io.print(`${verb}: not found\n`);
      return failed(127);
  }
}

/** A shell that ignores SIGTERM sleeps on until it is killed. */
async function sleepThrough(
  engine: FakeEngine,
  ms: number,
  signal: AbortSignal,
  state: ShellState,
): Promise<void> {
  await engine.sleep(ms, signal);
  if (signal.aborted && signal.reason === "term" && state.ignoresTerm) {
    await engine.sleep(ms, new AbortController().signal);
  }
}

function expand(command: string, environment: Record<string, string>): string {
  return command.replace(/\$(\w+)/g, (_, name: string) => environment[name] ?? "");
}

function unquote(text: string): string {
  return text.replace(/^"(.*)"$|^'(.*)'$/s, (_, double, single) => double ?? single);
}

function ok(): Ended {
  return { code: 0, exit: false };
}

function failed(code: number): Ended {
  return { code, exit: false };
}
