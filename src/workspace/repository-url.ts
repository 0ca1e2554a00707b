import { basename } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import { withoutCredentials } from "./git-failure.ts";

/** A remote repository that git may be asked for. */
export interface RepositoryUrl {
  /** What git is given; without a password. */
  url: string;
  /** The only protocol git may use for it. */
  protocol: "https" | "ssh" | "file";
  /** The URL without credentials: identifies the repository. */
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
 * Checks a URL against the allow-list: https, ssh, `user@host:path` and file. Throws GIT_URL_REFUSED for everything else,
 * `ext::` and other helpers among them, and for hosts or users that git or ssh could take for an option.
 */
export function parseRepositoryUrl(repo: string): RepositoryUrl {
  if (/[\0-\x20\x7f]/.test(repo)) throw refused(repo, "it contains a blank or a control character");
  if (/^[A-Za-z0-9+.-]+::/.test(repo)) throw refused(repo, "remote helpers are not allowed");
  if (!repo.includes("://")) {
    if (!SCP_LIKE.test(repo)) throw refused(repo, "its form is not known");
    return { url: repo, protocol: "ssh", key: repo, name: nameOf(repo), credentials: null };
  }
  return parseAbsoluteUrl(repo);
}

function parseAbsoluteUrl(repo: string): RepositoryUrl {
  let parsed: URL;
  try {
    parsed = new URL(repo);
  } catch {
    throw refused(repo, "it is not a valid URL");
  }
  const protocol = parsed.protocol.slice(0, -1);
  if (protocol !== "https" && protocol !== "ssh" && protocol !== "file")
    throw refused(repo, `the protocol ${protocol} is not allowed`);
  const user = decodeURIComponent(parsed.username);
  if (parsed.hostname.startsWith("-") || user.startsWith("-"))
    throw refused(repo, "it begins a name with a dash");
  if (protocol === "file" && parsed.host !== "") throw refused(repo, "a file URL names no host");
  if (protocol !== "file" && parsed.hostname === "") throw refused(repo, "it names no host");
  const password = decodeURIComponent(parsed.password);
  const credentials = protocol === "https" && user !== "" ? { user, password } : null;
  parsed.password = "";
  if (protocol === "https") parsed.username = "";
  const url = protocol === "file" ? repo : parsed.href;
  return { url, protocol, key: withoutCredentials(url), name: nameOf(url), credentials };
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
