import { describe, expect, test } from "bun:test";
import { type FlagDefs, parseFlags } from "../../src/cli/flags.ts";
import { splitCommand } from "../../src/cli/split-command.ts";
import type { CicdError } from "../../src/errors/cicd-error.ts";

const FLAGS = {
  file: { kind: "string", short: "f", alias: "config-file", value: "FILE", summary: "" },
  override: { kind: "list", short: "o", value: "KEY=VALUE", summary: "" },
  run: { kind: "count", value: "N", summary: "" },
  verbose: { kind: "boolean", short: "v", summary: "" },
  quiet: { kind: "boolean", short: "q", summary: "" },
} as const satisfies FlagDefs;

const parse = (...args: string[]) => parseFlags(args, FLAGS);

function errorOf(call: () => unknown): CicdError {
  try {
    call();
  } catch (error) {
    return error as CicdError;
  }
  throw new Error("nothing was thrown");
}

describe("flags", () => {
  test("are understood in every usual form", () => {
    const flags = { file: "a", override: [], run: undefined, verbose: true, quiet: false };
    for (const args of [
      ["-v", "-f", "a"],
      ["-vf", "a"],
      ["-vfa"],
      ["-v", "-f=a"],
      ["--verbose", "--file=a"],
      ["--config-file", "a", "-v"],
    ]) {
      expect(parse(...args)).toEqual({ flags, positionals: [] });
    }
  });

  test("of a list may be repeated, and keep their order and their equals signs", () => {
    expect(parse("-o", "a=1", "--override=b=c=d", "-ox").flags.override).toEqual(["a=1", "b=c=d", "x"]);
  });

  test("end at --", () => {
    expect(parse("-v", "--", "-q", "--nope").positionals).toEqual(["-q", "--nope"]);
  });

  test.each([
    [["--fiel", "a"], "unknown flag --fiel", "did you mean --file?"],
    [["--no-verbose"], "unknown flag --no-verbose", undefined],
    [["-x"], "unknown flag -x", "see what there is with --help"],
    [["--file"], "--file needs a value: FILE", undefined],
    [["--file="], "--file needs a value: FILE", undefined],
    [["-f", "-v"], "-f needs a value: FILE", 'if "-v" is the value, write -f=-v'],
    [["--verbose=yes"], "--verbose takes no value", undefined],
    [["-f", "a", "-f", "b"], "--file was given more than once", "it takes one value"],
    [["--run", "0"], '--run: "0" is not a whole number from 1 on', undefined],
    [["--run", "1e3"], '--run: "1e3" is not a whole number from 1 on', undefined],
  ])("%j is refused", (args, message, hint) => {
    const error = errorOf(() => parse(...args));
    expect([error.code, error.message]).toEqual(["USAGE", message]);
    if (hint !== undefined) expect(error.hint).toBe(hint);
  });

  test("a value may start with a dash when it is joined", () => {
    expect(parse("--file=-").flags.file).toBe("-");
    expect(parse("-f", "-").flags.file).toBe("-");
    const { hint } = errorOf(() => parse("-f", "--foo"));
    expect(hint).toEndWith("write -f=--foo");
    expect(parse("-f=--foo").flags.file).toBe("--foo");
    expect(parse("-o==x").flags.override).toEqual(["=x"]);
  });
});

describe("the command of a command line", () => {
  test.each([
    [["run", "-v"], "run", ["-v"]],
    [["--json", "run"], "run", ["--json"]],
    [["--database", "list", "report"], "report", ["--database", "list"]],
    [["--check"], "check", []],
    [["--check", "--config-file", "a.yml"], "check", ["--config-file", "a.yml"]],
    [["--config-file", "a.yml", "--check"], "check", ["--config-file", "a.yml"]],
    [["--dryrun", "-p", "web"], "dryrun", ["-p", "web"]],
    [["help", "run"], "run", ["--help"]],
    [["run", "--check"], "run", ["--check"]],
    [["run", "--", "--check"], "run", ["--", "--check"]],
    [[], undefined, []],
  ])("%j", (args, command, rest) => {
    const split = splitCommand(args);
    expect([split.command, split.rest]).toEqual([command as string, rest]);
  });

  test("two top-level forms exclude each other", () => {
    expect(errorOf(() => splitCommand(["--check", "--dryrun"])).code).toBe("USAGE");
  });

  test("version and help are asked for without a command", () => {
    expect(splitCommand(["-V"]).options.version).toBe(true);
    expect(splitCommand(["help"]).options.help).toBe(true);
    expect(splitCommand(["-h"]).options.help).toBe(true);
  });
});
