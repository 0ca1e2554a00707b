import { basename } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import { withoutCredentials } from "./git-failure.ts";

/** A remote repository that git may be asked for. */
export interface RepositoryUrl {
  /** What git is given; without a password. */
  url: string;
  /** The only protocol git may use for it. */
  protocol: "https" | "http" | "ssh" | "file";
  /** Lower case, IPv6 without brackets; empty for a file URL. */
  host: string;
  /** Undefined: the protocol's own. */
  port: number | undefined;
  /** On the host; starts with a slash. */
  path: string;
  /** The URL without credentials: identifies the repository among the runs of one host. */
  key: string;
  name: string;
  /** Given in the URL; sent to that host alone, and never in an argument list. */
  credentials: { user: string; password: string } | null;
}

const SCP_LIKE = /^(?:[A-Za-z0-9_][\w.+-]*@)?(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):[^:]/;

/** True for what is meant as a URL or `host:path` rather than as a path of this machine. */
export function looksLikeUrl(repo: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:/.test(repo) || /^[^/]*@[^/]*:/.test(repo) || SCP_LIKE.test(repo);
}

/**
 * Checks a URL against the allow-list: https, ssh, `user@host:path` and file, and http where `allowHttp` says so. Throws
 * GIT_URL_REFUSED for everything else, `ext::` and other helpers among them, and for hosts or users that git or ssh could
 * take for an option.
 */
export function parseRepositoryUrl(
  repo: string,
  options: { allowHttp: boolean } = { allowHttp: false },
): RepositoryUrl {
  if (/[\0-\x20\x7f]/.test(repo)) throw refused(repo, "it contains a blank or a control character");
  if (/^[A-Za-z0-9+.-]+::/.test(repo)) throw refused(repo, "remote helpers are not allowed");
  if (!repo.includes("://")) {
    if (!SCP_LIKE.test(repo)) throw refused(repo, "its form is not known");
    const [, host = "", path = ""] = /^(?:[^@]*@)?(\[[^\]]*\]|[^:]*):(.*)$/.exec(repo) ?? [];
    const place = { host: bareHost(host), port: undefined, path: `/${path.replace(/^\/+/, "")}` };
    return { url: repo, protocol: "ssh", ...place, key: repo, name: nameOf(repo), credentials: null };
  }
  return parseAbsoluteUrl(repo, options.allowHttp);
}

/** Without the brackets of an IPv6 address and the dot of a complete name. */
function bareHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
}

function parseAbsoluteUrl(repo: string, allowHttp: boolean): RepositoryUrl {
  let parsed: URL;
  try {
    parsed = new URL(repo);
  } catch {
    throw refused(repo, "it is not a valid URL");
  }
  const protocol = parsed.protocol.slice(0, -1);
  const isHttp = protocol === "https" || (protocol === "http" && allowHttp);
  if (!isHttp && protocol !== "ssh" && protocol !== "file")
    throw refused(repo, `the protocol ${protocol} is not allowed`);
  const user = decodePart(repo, parsed.username);
  if (parsed.hostname.startsWith("-") || user.startsWith("-"))
    throw refused(repo, "it begins a name with a dash");
  if (protocol === "file" && parsed.host !== "") throw refused(repo, "a file URL names no host");
  if (protocol !== "file" && parsed.hostname === "") throw refused(repo, "it names no host");
  const password = decodePart(repo, parsed.password);
  const credentials = isHttp && user !== "" ? { user, password } : null;
  parsed.password = "";
  if (isHttp) parsed.username = "";
  const url = protocol === "file" ? repo : parsed.href;
  const place = {
    host: bareHost(parsed.hostname),
    port: parsed.port === "" ? undefined : Number(parsed.port),
    path: parsed.pathname.startsWith("/") ? parsed.pathname : `/${parsed.pathname}`,
  };
  return { url, protocol, ...place, key: withoutCredentials(url), name: nameOf(url), credentials };
}

function decodePart(repo: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused(repo, "a percent sign in its user or password encodes no UTF-8");
  }
}

function nameOf(url: string): string {
  const last = basename(url.replace(/[/?#]+$/, "").replace(/^.*:(?!\/\/)/, "/"));
  return last.replace(/\.git$/, "") || "repository";
}

function refused(repo: string, why: string): CicdError {
  return new CicdError(
    "GIT_URL_REFUSED",
    `The repository URL ${withoutCredentials(repo)} is refused: ${why}.`,
    {
      hint: "Allowed are https://, ssh://, user@host:path, file:// and local paths.",
    },
  );
}
