export const MAX_DOTENV_BYTES = 64 * 1024;
export const MAX_DOTENV_NAMES = 150;

/**
 * Variables of a file of `NAME=value` lines: blank lines and those that begin with `#` are passed over, one pair of quotes is taken
 * off, nothing is expanded. https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv
 */
export function readDotenv(text: string): Map<string, string> | { problem: string; line: number } {
  const variables = new Map<string, string>();
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  for (const [index, written] of lines.entries()) {
    const line = written.trim();
    if (line === "" || line.startsWith("#")) continue;
    const sign = line.indexOf("=");
    const name = line.slice(0, Math.max(0, sign)).trim();
    const problem = sign < 0 ? "it is not NAME=value" : nameProblem(name);
    const value = unquoted(line.slice(sign + 1).trim());
    if (problem !== undefined) return { problem, line: index + 1 };
    if (value.includes("\0")) return { problem: "the value holds a NUL character", line: index + 1 };
    variables.set(name, value);
    if (variables.size > MAX_DOTENV_NAMES)
      return { problem: `more than ${MAX_DOTENV_NAMES} variables`, line: index + 1 };
  }
  return variables;
}

function nameProblem(name: string): string | undefined {
  if (/^export\s/.test(name)) return "write NAME=value, without export";
  if (!/^[A-Za-z_]\w{0,254}$/.test(name))
    return `${JSON.stringify(name.slice(0, 80))} is no name of a variable`;
  return /^(?:CI|CICD)(?:_|$)/.test(name) ? `${name} is a name of cicd's own` : undefined;
}

function unquoted(value: string): string {
  const first = value[0];
  const isQuoted = value.length >= 2 && (first === '"' || first === "'") && value.endsWith(first);
  return isQuoted ? value.slice(1, -1) : value;
}
