/** A line that says nothing, as a problem of the file. Line from 1. */
export interface EnvFileProblem {
  line: number;
  message: string;
}

const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]{0,254})\s*=(.*)$/s;

/**
 * A `.env` file: `NAME=value`, one a line; `#` begins a comment, at a line's begin or after a blank. A value in single quotes is as it
 * is, one in double quotes knows `\n`, `\t`, `\r`, `\"`, `\\` and `\$`; both may go over several lines. Nothing is expanded. A later
 * line stands over an earlier one.
 */
export function readEnvFile(text: string): { values: Map<string, string>; problems: EnvFileProblem[] } {
  const values = new Map<string, string>();
  const problems: EnvFileProblem[] = [];
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index]!;
    if (/^\s*(#|$)/.test(line)) continue;
    const match = LINE.exec(line);
    if (match === null) {
      problems.push({ line: index + 1, message: "this is not NAME=value" });
      continue;
    }
    const [, name = "", rest = ""] = match;
    const written = rest.trimStart();
    const quote = written[0];
    if (quote !== "'" && quote !== '"') {
      values.set(name, written.replace(/(^|\s)#.*$/, "").trimEnd());
      continue;
    }
    const quoted = readQuoted(quote, written.slice(1), lines, index);
    if (quoted === undefined) {
      problems.push({ line: index + 1, message: `the quote before the value of ${name} is not closed` });
      continue;
    }
    values.set(name, quoted.value);
    index = quoted.index;
  }
  return { values, problems };
}

/** Up to the closing quote, which may stand on a later line: `index` of that one. */
function readQuoted(
  quote: string,
  first: string,
  lines: string[],
  from: number,
): { value: string; index: number } | undefined {
  const end = quote === "'" ? /^([^']*)'/ : /^((?:[^"\\]|\\.)*)"/s;
  let text = first;
  for (let index = from; ; ) {
    const match = end.exec(text);
    if (match !== null) return { value: quote === "'" ? match[1]! : unescaped(match[1]!), index };
    index += 1;
    if (index >= lines.length) return undefined;
    text += `\n${lines[index]}`;
  }
}

function unescaped(text: string): string {
  return text.replace(/\\([ntr"\\$])/g, (_, char: string) => ESCAPES[char] ?? char);
}

const ESCAPES: Record<string, string> = { n: "\n", t: "\t", r: "\r" };
