import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { askHelper, HelperFailure } from "./credential-helper.ts";

/** Where `docker login` leaves what it was told: the directory of the docker program's `config.json`. */
export interface DockerLogin {
  configDir: string;
  /** For credential helpers; PATH finds them. */
  environment: Record<string, string | undefined>;
}

/** As the engine takes them in `X-Registry-Auth`. Secret. */
export interface RegistryCredentials {
  serveraddress: string;
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
}

/** `problem`: why there are none although the user may expect some; one line without anything secret. */
export interface FoundCredentials {
  credentials?: RegistryCredentials;
  problem?: string;
}

const DOCKER_HUB = "docker.io";
/** Docker Hub's name in `config.json`. */
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

/** `docker.io`, or the host with its port. The first part is a host if it has a dot, a colon or a capital, or is `localhost`. */
export function registryOf(image: string): string {
  const slash = image.indexOf("/");
  const first = image.slice(0, Math.max(slash, 0));
  if (!/[.:A-Z]/.test(first) && first !== "localhost") return DOCKER_HUB;
  return first === "index.docker.io" ? DOCKER_HUB : first;
}

/** The command that logs in to an image's registry. */
export function loginCommand(image: string): string {
  const registry = registryOf(image);
  return registry === DOCKER_HUB ? "docker login" : `docker login ${registry}`;
}

/**
 * What the docker program would send to the image's registry: of the helper in `credHelpers` for that registry, else of
 * `credsStore`, else what stands in `auths`. Rejects with the signal's reason alone.
 * https://docs.docker.com/reference/cli/docker/login/#credential-stores
 */
export async function findCredentials(
  login: DockerLogin,
  image: string,
  signal: AbortSignal,
): Promise<FoundCredentials> {
  const registry = registryOf(image);
  const key = registry === DOCKER_HUB ? DOCKER_HUB_KEY : registry;
  try {
    const config = await readConfig(login.configDir);
    const helper = own(own(config, "credHelpers"), key) ?? own(config, "credsStore");
    const credentials =
      typeof helper === "string" && helper !== ""
        ? await fromHelper(helper, key, login, signal)
        : fromEntry(findEntry(own(config, "auths"), key), key);
    return credentials === undefined ? {} : { credentials };
  } catch (error) {
    if (error instanceof HelperFailure || error instanceof ConfigFailure) return { problem: error.message };
    throw error;
  }
}

/** Never holds a parser's words: they quote the file. */
class ConfigFailure extends Error {}

async function readConfig(configDir: string): Promise<unknown> {
  const path = join(configDir, "config.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new ConfigFailure(`${path} cannot be read (${code})`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigFailure(`${path} is not valid JSON`);
  }
}

async function fromHelper(
  helper: string,
  key: string,
  { environment }: DockerLogin,
  signal: AbortSignal,
): Promise<RegistryCredentials | undefined> {
  const answer = await askHelper(helper, key, environment, signal);
  if (answer === undefined) return undefined;
  const { username, secret } = answer;
  return username === "<token>"
    ? { serveraddress: key, identitytoken: secret }
    : { serveraddress: key, username, password: secret };
}

/** The entry of that very name, else one that older programs wrote as a URL of the same host. */
function findEntry(auths: unknown, key: string): unknown {
  const exact = own(auths, key);
  if (exact !== undefined || typeof auths !== "object" || auths === null) return exact;
  const hostOf = (name: string) => name.replace(/^https?:\/\//, "").replace(/\/.*$/s, "");
  return Object.entries(auths).find(([name]) => hostOf(name) === key)?.[1];
}

/** Undefined where the entry names a registry and nothing else, as `docker login` leaves it beside a helper. */
function fromEntry(entry: unknown, key: string): RegistryCredentials | undefined {
  const text = (name: string) => {
    const value = own(entry, name);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const auth = text("auth");
  const basic = auth === undefined ? [text("username"), text("password")] : decodeAuth(auth, key);
  const [username, password] = basic;
  const known = {
    username,
    password,
    identitytoken: text("identitytoken"),
    registrytoken: text("registrytoken"),
  };
  const given = Object.entries(known).filter(([, value]) => value !== undefined && value !== "");
  return given.length === 0 ? undefined : { serveraddress: key, ...Object.fromEntries(given) };
}

/** `NAME:PASSWORD` in base64; the password may hold colons, and ends before NULs. */
function decodeAuth(auth: string, key: string): [string, string] {
  const decoded = Buffer.from(auth, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  if (colon < 1) throw new ConfigFailure(`the entry for ${key} in config.json is not understood`);
  return [decoded.slice(0, colon), decoded.slice(colon + 1).replace(/\0+$/, "")];
}

function own(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}
