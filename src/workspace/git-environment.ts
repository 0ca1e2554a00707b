/** What git and the ssh it starts need from outside: programs, home, proxies, credentials, certificates. */
const PASSED_ON = new Set([
  "PATH",
  "HOME",
  "XDG_CONFIG_HOME",
  "XDG_RUNTIME_DIR",
  "USER",
  "LOGNAME",
  "TMPDIR",
  "TZ",
  "SSH_AUTH_SOCK",
  "SSH_AGENT_PID",
  "SSH_ASKPASS",
  "DISPLAY",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "CURL_CA_BUNDLE",
  "GIT_SSH",
  "GIT_SSH_COMMAND",
  "GIT_ASKPASS",
  "GIT_CONFIG_GLOBAL",
  "GIT_CONFIG_SYSTEM",
  "GIT_CONFIG_NOSYSTEM",
]);
const PASSED_ON_PATTERN = /^GIT_SSL_|^GIT_CONFIG_(COUNT|KEY_\d+|VALUE_\d+)$/;

export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings that hold for every call: nothing of the repository runs by itself (SECURITY 10, 11). */
export const SAFE_SETTINGS: readonly (readonly [string, string])[] = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.splitIndex", "false"],
  ["core.alternateRefsCommand", ""],
  ["core.quotePath", "false"],
  ["core.compression", "0"],
  ["core.looseCompression", "0"],
  ["core.fsyncObjectFiles", "false"],
  ["log.showSignature", "false"],
  ["submodule.recurse", "false"],
  ["fetch.recurseSubmodules", "false"],
  ["gc.auto", "0"],
  ["maintenance.auto", "false"],
  ["protocol.ext.allow", "never"],
  ["protocol.allow", "never"],
];

/**
 * The environment of a git process: what `PASSED_ON` names of `inherited`, messages in English, no prompts, and only the
 * `protocols` named (none: not even a missing object of a partial clone is fetched). `sshArguments` go to the user's ssh.
 */
export function gitEnvironment(
  inherited: Environment,
  protocols: readonly string[],
  sshArguments: readonly string[],
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [key, value] of Object.entries(inherited)) {
    const known = PASSED_ON.has(key) || PASSED_ON.has(key.toUpperCase()) || PASSED_ON_PATTERN.test(key);
    if (known && value !== undefined) environment[key] = value;
  }
  if (environment.GIT_SSH === undefined && environment.GIT_SSH_COMMAND === undefined)
    environment.GIT_SSH_COMMAND = "ssh -o BatchMode=yes";
  if (sshArguments.length > 0) {
    environment.GIT_SSH_COMMAND ??= quoteWord(environment.GIT_SSH!);
    environment.GIT_SSH_COMMAND += ` ${sshArguments.map(quoteWord).join(" ")}`;
  }
  return {
    ...environment,
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_LITERAL_PATHSPECS: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_NO_LAZY_FETCH: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_ALLOW_PROTOCOL: protocols.length === 0 ? "none" : protocols.join(":"),
  };
}

/** One word of the shell that git runs GIT_SSH_COMMAND with. */
function quoteWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
