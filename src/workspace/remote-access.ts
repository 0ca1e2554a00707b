import { lookup } from "node:dns/promises";
import { isIP, isIPv6 } from "node:net";
import { CicdError, messageOf } from "../errors/cicd-error.ts";
import type { GitCall } from "./git.ts";
import { withoutCredentials } from "./git-failure.ts";
import { isPublicAddress } from "./private-address.ts";
import { parseRepositoryUrl, type RepositoryUrl } from "./repository-url.ts";

/** What a server lays down for repositories that others name. */
export interface RemoteGuard {
  /** `HOST` or `HOST/PATH`, and what lies below: at whatever address, and over http too. */
  allowed: readonly string[];
  /** The addresses of a host, as the system's resolver sees it. */
  resolve?: (host: string) => Promise<string[]>;
}

/** A remote repository that was looked at, and how git gets there. */
export interface RemoteAccess {
  url: RepositoryUrl;
  call: Pick<GitCall, "protocols" | "settings" | "environment" | "sshArguments">;
}

const PORTS = { https: 443, http: 80, ssh: 22 } as const;

/**
 * Checks a URL and, with `guard`, where it leads: to a public address, to which git is bound then, so that a name which
 * changes its address in between leads nowhere else; redirects are not followed. Throws GIT_URL_REFUSED, GIT_FAILED (there
 * is no such host).
 */
export async function openRemote(repo: string, guard: RemoteGuard | undefined): Promise<RemoteAccess> {
  const url = parseRepositoryUrl(repo, { allowHttp: guard !== undefined });
  const { protocol } = url;
  const call = { protocols: [protocol], ...credentialsOf(url) };
  if (guard === undefined) return { url, call };
  const settings = [["http.followRedirects", "false"]] as const;
  if (protocol !== "file" && isAllowed(url, guard.allowed)) return { url, call: { ...call, settings } };
  if (protocol === "file") throw refused(url.url, "a server takes no repositories from its own disk");
  if (protocol === "http") throw refused(url.url, "the protocol http is not allowed");
  const addresses = await findAddresses(url, guard);
  const pinned = protocol === "ssh" ? pinSsh(url, addresses) : pinHttps(url, addresses);
  return { url, call: { ...call, ...pinned, settings: [...settings, ...(pinned.settings ?? [])] } };
}

/** Throws GIT_URL_REFUSED for a path of this host, where there is a guard. */
export function refuseLocalPath(repo: string, guard: RemoteGuard | undefined): void {
  if (guard !== undefined) throw refused(repo, "a server takes no repositories from its own disk");
}

/**
 * Credentials go as a header of this host, by the environment: not in arguments, and to no other host, since redirects
 * are refused then.
 */
function credentialsOf({ credentials, url }: RepositoryUrl): RemoteAccess["call"] {
  if (credentials === null) return {};
  const token = Buffer.from(`${credentials.user}:${credentials.password}`).toString("base64");
  return {
    environment: {
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: `http.${new URL(url).origin}/.extraHeader`,
      GIT_CONFIG_VALUE_0: `Authorization: Basic ${token}`,
    },
    settings: [["http.followRedirects", "false"]],
  };
}

/** Compared by whole names of the path, as a server that decodes it and cleans it would see them. */
function isAllowed(url: RepositoryUrl, allowed: readonly string[]): boolean {
  const names = pathNames(url.path);
  if (names === undefined) return false;
  return allowed.some((entry) => {
    const [host = "", ...path] = entry.split("/").filter((name) => name !== "");
    const isSame = (name: string, at: number) => name === names[at] || `${name}.git` === names[at];
    return host.toLowerCase() === url.host && path.every(isSame);
  });
}

/** Undefined: it cannot be told where it leads. */
function pathNames(path: string): string[] | undefined {
  try {
    const names = decodeURIComponent(path)
      .split("/")
      .filter((name) => name !== "" && name !== ".");
    return names.includes("..") || /[\\%\0]/.test(names.join("")) ? undefined : names;
  } catch {
    return undefined;
  }
}

/** Every one must be public: which of them is taken is up to others. */
async function findAddresses(url: RepositoryUrl, guard: RemoteGuard): Promise<string[]> {
  if (!/^[a-z0-9._:-]+$/.test(url.host)) throw refused(url.url, "the name of its host is not valid");
  let addresses: string[];
  try {
    addresses = await (guard.resolve ?? resolveHost)(url.host);
  } catch (error) {
    throw new CicdError("GIT_FAILED", `The host ${url.host} is not known: ${messageOf(error)}.`, {
      cause: error,
    });
  }
  const bad = addresses.find((address) => !isPublicAddress(address));
  if (bad !== undefined) throw refused(url.url, `${url.host} is at the address ${bad}, which is not public`);
  if (addresses.length === 0) throw new CicdError("GIT_FAILED", `The host ${url.host} has no address.`);
  return addresses;
}

async function resolveHost(host: string): Promise<string[]> {
  return (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);
}

/** https://curl.se/libcurl/c/CURLOPT_RESOLVE.html, from git 2.37 on. */
function pinHttps(url: RepositoryUrl, addresses: string[]): RemoteAccess["call"] {
  if (isIP(url.host) !== 0) return {};
  const list = addresses.map((address) => (isIPv6(address) ? `[${address}]` : address)).join(",");
  return { settings: [["http.curloptResolve", `${url.host}:${url.port ?? PORTS.https}:${list}`]] };
}

/** The host's key is looked for under its name, as without this. */
function pinSsh(url: RepositoryUrl, [address = ""]: string[]): RemoteAccess["call"] {
  const known = url.port === undefined || url.port === PORTS.ssh ? url.host : `[${url.host}]:${url.port}`;
  return { sshArguments: ["-o", `HostName=${address}`, "-o", `HostKeyAlias=${known}`] };
}

function refused(url: string, why: string): CicdError {
  return new CicdError(
    "GIT_URL_REFUSED",
    `The repository URL ${withoutCredentials(url)} is refused: ${why}.`,
    { hint: "The server's operator may allow HOST or HOST/PATH with CICD_ALLOWED_REPOSITORIES." },
  );
}
