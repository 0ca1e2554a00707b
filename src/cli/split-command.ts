import { CicdError } from "../errors/cicd-error.ts";
import { GLOBAL_FLAGS } from "./common-flags.ts";

/** Top-level flags that stand for a command: `cicd --check`. */
const FORMS = ["check", "dryrun"];

export interface SplitCommand {
  command: string | undefined;
  /** Everything but the command's name, in order. */
  rest: string[];
  options: { help: boolean; version: boolean };
}

/**
 * Finds the command in a command line: the first word that is neither a flag nor the value of a global flag. A leading
 * `--check` or `--dryrun` is the command of that name. Throws USAGE when both stand there.
 */
export function splitCommand(args: string[]): SplitCommand {
  const isForm = args[0]?.startsWith("-") === true;
  const forms = isForm ? FORMS.filter((form) => beforeTerminator(args).includes(`--${form}`)) : [];
  const options = { help: false, version: false };
  const [form, another] = forms;
  if (another !== undefined) throw new CicdError("USAGE", `--${form} and --${another} exclude each other`);
  if (form !== undefined) return { command: form, rest: args.filter((arg) => arg !== `--${form}`), options };
  const at = findWord(args);
  const leading = at < 0 ? args : args.slice(0, at);
  options.help = leading.includes("--help") || leading.includes("-h");
  options.version = leading.includes("--version") || leading.includes("-V");
  if (at >= 0) return splitAt(args, at, options);
  const known = ["--help", "-h", "--version", "-V"];
  return { command: undefined, rest: args.filter((arg) => !known.includes(arg)), options };
}

/** `cicd help run` is `cicd run --help`. */
function splitAt(args: string[], at: number, options: SplitCommand["options"]): SplitCommand {
  const rest = [...args.slice(0, at), ...args.slice(at + 1)];
  if (args[at] !== "help") return { command: args[at], rest, options };
  const next = findWord(rest);
  if (next < 0) return { command: undefined, rest: [], options: { ...options, help: true } };
  return { command: rest[next], rest: ["--help"], options };
}

function findWord(args: string[]): number {
  const takesValue = new Set(
    Object.entries(GLOBAL_FLAGS).flatMap(([name, flag]) => (flag.kind === "string" ? [`--${name}`] : [])),
  );
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    if (arg === "--") return -1;
    if (takesValue.has(arg)) index++;
    else if (!arg.startsWith("-")) return index;
  }
  return -1;
}

function beforeTerminator(args: string[]): string[] {
  const end = args.indexOf("--");
  return end < 0 ? args : args.slice(0, end);
}
