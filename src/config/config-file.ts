import { CicdError, messageOf } from "../errors/cicd-error.ts";
import { Suggester } from "../pipeline/suggest.ts";
import type { Setting } from "./settings.ts";

/** Every key of the settings file, with what it means (`docs/cli.md`). */
export const CONFIG_FILE_KEYS = {
  database: "sqlite:PATH or postgres://...",
  database_password_file: "file whose first line is the password for that PostgreSQL",
  server: "URL of a cicd server",
  token: "token for that server",
  executor: "docker or shell",
  default_image: "image of jobs that name none",
  jobs: "how many jobs may run at the same time",
  grace: "time between SIGTERM and SIGKILL",
  log_limit: "size of a job's log at which it is cut",
  memory: "memory limit of each job",
  cpus: "CPU limit of each job",
  listen: "where `cicd serve` listens: HOST:PORT",
  public_url: "how people and webhooks reach the server",
  allowed_hosts: "further names of the server, separated by commas",
  allowed_repositories: "private hosts that the server may clone from, separated by commas",
  shared: "fs:DIRECTORY or s3://BUCKET/PREFIX for snapshots and artifacts of several hosts",
  worker_name: "name of the worker, by default the host's name",
  worker_labels: "labels of the worker, separated by commas",
  docker_host: "address of the Docker engine, as in DOCKER_HOST",
} as const;

export type ConfigFileKey = keyof typeof CONFIG_FILE_KEYS;

const MAX_CHARACTERS = 64 * 1024;

/**
 * Reads the settings file: a flat YAML mapping of scalars. Throws SETTINGS_INVALID for anything else, and for unknown
 * keys with a did-you-mean. `parse` is the YAML parser, loaded only where there is a file.
 */
export function readConfigFile(
  path: string,
  text: string,
  parse: (text: string) => unknown,
): Partial<Record<ConfigFileKey, Setting>> {
  if (text.length > MAX_CHARACTERS) throw invalidFile(path, "is larger than 64 KiB");
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw invalidFile(path, `is not valid YAML: ${messageOf(error)}`);
  }
  if (document === null || document === undefined) return {};
  if (typeof document !== "object" || Array.isArray(document)) throw invalidFile(path, "is not a mapping");
  const settings: Partial<Record<ConfigFileKey, Setting>> = {};
  for (const [key, value] of Object.entries(document)) {
    if (!Object.hasOwn(CONFIG_FILE_KEYS, key)) {
      const hint = new Suggester().hint(key, Object.keys(CONFIG_FILE_KEYS));
      const known = `keys: ${Object.keys(CONFIG_FILE_KEYS).join(", ")}`;
      throw invalidFile(path, `has an unknown key "${key}"`, hint ?? known);
    }
    if (value === null) continue;
    if (typeof value === "object") throw invalidFile(path, `has no single value for "${key}"`);
    settings[key as ConfigFileKey] = { text: String(value), origin: `${key} in ${path}` };
  }
  return settings;
}

function invalidFile(path: string, what: string, hint?: string): CicdError {
  return new CicdError("SETTINGS_INVALID", `${path} ${what}`, hint === undefined ? {} : { hint });
}
