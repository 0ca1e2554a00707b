const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The kernel's limit for one `NAME=value` (MAX_ARG_STRLEN), less its terminator. */
const MAX_ENTRY_BYTES = 131_071;

/** Why a job cannot be given this environment, in one sentence; undefined when it can. */
export function environmentProblem(environment: Record<string, string>): string | undefined {
  for (const [name, value] of Object.entries(environment)) {
    if (!NAME.test(name))
      return `The variable name ${JSON.stringify(name)} is not a valid environment variable name.`;
    if (value.includes("\0")) return `The variable ${name} holds a NUL byte, which no environment can carry.`;
    if (Buffer.byteLength(name) + 1 + Buffer.byteLength(value) > MAX_ENTRY_BYTES) {
      return `The variable ${name} is longer than 128 KiB, which no environment can carry.`;
    }
  }
  return undefined;
}
