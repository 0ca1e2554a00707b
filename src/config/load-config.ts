import { isAbsolute, join, resolve } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import type { Config, ConfigFlags, DatabaseConfig, Environment } from "./config.ts";
import { type ConfigFileKey, readConfigFile } from "./config-file.ts";
import { toDocker } from "./docker-host.ts";
import { invalidSetting, type Setting, toBytes, toCount, toCpus, toDuration, toImage } from "./settings.ts";
import { toServer, toTeam } from "./team-config.ts";

const DEFAULT_GRACE_MS = 10_000;
const MAX_GRACE_MS = 3_600_000;
const DEFAULT_LOG_LIMIT_BYTES = 100 * 1024 * 1024;
const MAX_PARALLEL_JOBS = 1000;

/** Every environment variable that sets something, and the key of the settings file it stands before. */
export const CONFIG_VARIABLES = {
  CICD_DATABASE_URL: "database",
  CICD_DATABASE_PASSWORD_FILE: "database_password_file",
  CICD_SERVER: "server",
  CICD_TOKEN: "token",
  CICD_EXECUTOR: "executor",
  CICD_DEFAULT_IMAGE: "default_image",
  CICD_JOBS: "jobs",
  CICD_GRACE: "grace",
  CICD_LOG_LIMIT: "log_limit",
  CICD_MEMORY: "memory",
  CICD_CPUS: "cpus",
  CICD_LISTEN: "listen",
  CICD_PUBLIC_URL: "public_url",
  CICD_ALLOWED_HOSTS: "allowed_hosts",
  CICD_ALLOWED_REPOSITORIES: "allowed_repositories",
  CICD_SHARED: "shared",
  CICD_WORKER_NAME: "worker_name",
  CICD_WORKER_LABELS: "worker_labels",
  DOCKER_HOST: "docker_host",
} as const satisfies Record<string, ConfigFileKey>;

/** The flags that set something, and the key of the settings file they stand before. */
const FLAG_KEYS = [
  ["database", "database"],
  ["server", "server"],
  ["executor", "executor"],
  ["jobs", "jobs"],
  ["listen", "listen"],
  ["shared", "shared"],
  ["name", "worker_name"],
  ["labels", "worker_labels"],
] as const satisfies [keyof ConfigFlags, ConfigFileKey][];

/**
 * Flags stand before the environment, that before `$XDG_CONFIG_HOME/cicd/config.yml`, that before the defaults. Throws
 * SETTINGS_INVALID with the origin of the value, and USAGE for `--local` with `--server`.
 */
export function loadConfig(
  environment: Environment,
  flags: ConfigFlags,
  parseYaml: (text: string) => unknown,
): Config {
  const { variables } = environment;
  const configFile = join(baseDir(environment, "XDG_CONFIG_HOME", ".config"), "cicd", "config.yml");
  const text = environment.readFile(configFile);
  const fromFile = text === undefined ? {} : readConfigFile(configFile, text, parseYaml);
  const settings = new Map<ConfigFileKey, Setting>(
    Object.entries(fromFile).map(([key, setting]) => [key as ConfigFileKey, setting]),
  );
  for (const [name, key] of Object.entries(CONFIG_VARIABLES)) {
    const value = variables[name];
    if (value !== undefined && value !== "") settings.set(key, { text: value, origin: name });
  }
  for (const [flag, key] of FLAG_KEYS) {
    const value = flags[flag];
    if (value !== undefined) settings.set(key, { text: value, origin: `--${flag}` });
  }
  if (flags.local === true) passOverServer(settings);
  const stateDir = stateDirOf(environment);
  return {
    stateDir,
    database: withPassword(
      toDatabase(settings.get("database"), stateDir),
      settings.get("database_password_file"),
      environment,
    ),
    executor: optional(settings.get("executor"), toExecutor),
    defaultImage: optional(settings.get("default_image"), toImage),
    maxParallelJobs:
      optional(settings.get("jobs"), (setting) => toCount(setting, MAX_PARALLEL_JOBS)) ??
      Math.max(4, environment.cpus * 2),
    graceMs:
      optional(settings.get("grace"), (setting) => toDuration(setting, MAX_GRACE_MS)) ?? DEFAULT_GRACE_MS,
    logLimitBytes: optional(settings.get("log_limit"), toBytes) ?? DEFAULT_LOG_LIMIT_BYTES,
    docker: toDocker(environment, settings.get("docker_host")?.text),
    memoryLimitBytes: optional(settings.get("memory"), toBytes),
    cpuLimit: optional(settings.get("cpus"), toCpus),
    color: toColor(environment, flags.noColor === true),
    canRepaint: environment.isTty.stderr && variables.TERM !== "dumb",
    server: toServer(settings.get("server"), settings.get("token"), variables),
    team: toTeam(settings, environment.hostName),
    actor: `${environment.userName}@${environment.hostName}`,
    hostName: environment.hostName,
    warnings: warnOfToken(environment, settings, configFile),
  };
}

/** A base directory of the XDG specification; relative values are ignored, as it demands. */
function baseDir(environment: Environment, variable: string, fallback: string): string {
  const value = environment.variables[variable];
  return value !== undefined && isAbsolute(value) ? value : join(environment.homeDir, fallback);
}

function stateDirOf(environment: Environment): string {
  const own = environment.variables.CICD_STATE_DIR;
  if (own !== undefined && own !== "") return resolve(own);
  return join(baseDir(environment, "XDG_STATE_HOME", ".local/state"), "cicd");
}

/** As ssh does of its keys. */
function warnOfToken(
  environment: Environment,
  settings: ReadonlyMap<ConfigFileKey, Setting>,
  file: string,
): string[] {
  const isUsed = settings.has("server") && settings.get("token")?.origin.endsWith(file);
  if (!isUsed || environment.isReadByOthers?.(file) !== true) return [];
  return [`${file} holds a token and is open to others: chmod 600 ${file}`];
}

function passOverServer(settings: Map<ConfigFileKey, Setting>): void {
  if (settings.get("server")?.origin === "--server") {
    throw new CicdError("USAGE", "--local and --server exclude each other");
  }
  settings.delete("server");
}

function toDatabase(setting: Setting | undefined, stateDir: string): DatabaseConfig {
  if (setting === undefined) return { kind: "sqlite", path: join(stateDir, "cicd.db") };
  if (/^postgres(ql)?:\/\//.test(setting.text)) {
    if (!URL.canParse(setting.text)) throw databaseError(setting);
    return { kind: "postgres", url: setting.text };
  }
  const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/s.exec(setting.text)?.[1];
  if (path === undefined || path.startsWith("//")) throw databaseError(setting);
  return { kind: "sqlite", path: resolve(path) };
}

/** The password is the first line of a file, as secrets are handed to containers. Throws SETTINGS_INVALID. */
function withPassword(
  database: DatabaseConfig,
  file: Setting | undefined,
  environment: Environment,
): DatabaseConfig {
  if (file === undefined || database.kind === "sqlite") return database;
  const password = environment.readFile(file.text)?.split(/\r?\n/, 1)[0];
  if (password === undefined || password === "") {
    throw invalidSetting(file, "a file whose first line is the database's password");
  }
  const url = new URL(database.url);
  url.password = encodeURIComponent(password);
  return { kind: "postgres", url: url.href };
}

/** Never repeats the value: it may hold a password. */
function databaseError(setting: Setting): CicdError {
  return new CicdError("SETTINGS_INVALID", `${setting.origin} is not the address of a database`, {
    hint: "write sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME",
  });
}

function toExecutor(setting: Setting): "docker" | "shell" {
  if (setting.text === "docker" || setting.text === "shell") return setting.text;
  throw invalidSetting(setting, "docker or shell");
}

/** https://no-color.org, https://bixense.com/clicolors: NO_COLOR and --no-color win, then what forces, then the terminal. */
function toColor(environment: Environment, noColor: boolean): Config["color"] {
  const { variables, isTty } = environment;
  const isSet = (name: string) => variables[name] !== undefined && variables[name] !== "";
  if (noColor || isSet("NO_COLOR")) return { stdout: false, stderr: false };
  const forced = ["FORCE_COLOR", "CLICOLOR_FORCE"].some((name) => isSet(name) && variables[name] !== "0");
  if (forced) return { stdout: true, stderr: true };
  if (variables.TERM === "dumb") return { stdout: false, stderr: false };
  return { ...isTty };
}

function optional<T>(setting: Setting | undefined, convert: (setting: Setting) => T): T | undefined {
  return setting === undefined ? undefined : convert(setting);
}
