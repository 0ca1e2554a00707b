const PROMPT_START = "\u001b[32;1m";
const PROMPT_END = "\u001b[0;m";

/**
 * The shell program of one script section (`before_script` + `script`, or `after_script`): POSIX sh that bash runs as
 * well. It stops at the first failing command (also inside a pipe where the shell can tell) and prints each command
 * before it runs. The commands themselves are copied byte for byte. The program's exit code is the last command's.
 *
 * SIGTERM ends it with 143 once the command in the foreground has ended; whoever stops the job signals that one too.
 */
export function buildProgram(commands: string[]): string {
  const head = [
    "trap 'exit 143' TERM",
    "set -e",
    "if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi",
  ];
  const body = commands.flatMap((command) => [announce(command), command]);
  return `${[...head, ...body].join("\n")}\n`;
}

/** As GitLab's runner shows it: the first line in bold green, and a mark where there is more. */
function announce(command: string): string {
  const [first = "", ...more] = command.trim().split(/\r?\n/);
  const text = more.length === 0 ? first : `${first} # collapsed multi-line command`;
  return `printf '%s\\n' ${quoteForShell(`${PROMPT_START}$ ${text}${PROMPT_END}`)}`;
}

/** Any text as one word of sh. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
