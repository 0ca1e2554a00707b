import type { ServerAddress, TeamConfig } from "./config.ts";
import type { ConfigFileKey } from "./config-file.ts";
import { proxyOf } from "./proxy.ts";
import { invalidSetting, type Setting } from "./settings.ts";

const DEFAULT_LISTEN = { host: "127.0.0.1", port: 7878 };

/** Never repeats a value that may hold a password. Throws SETTINGS_INVALID. */
export function toServer(
  server: Setting | undefined,
  token: Setting | undefined,
  variables: Readonly<Record<string, string | undefined>>,
): ServerAddress | undefined {
  if (server === undefined) return undefined;
  const bearer = token?.text.trim();
  if (bearer !== undefined && !/^[\x21-\x7e]+$/.test(bearer)) {
    throw invalidSetting(
      { ...token!, text: "..." },
      "a token: it holds blanks or other than ASCII characters",
    );
  }
  const url = toHttpUrl(server);
  return { url, token: bearer, proxy: proxyOf(url, variables) };
}

/** Throws SETTINGS_INVALID. */
export function toTeam(settings: ReadonlyMap<ConfigFileKey, Setting>, hostName: string): TeamConfig {
  const publicUrl = settings.get("public_url");
  const shared = settings.get("shared");
  const name = settings.get("worker_name");
  return {
    listen: toListen(settings.get("listen")),
    publicUrl: publicUrl === undefined ? undefined : toHttpUrl(publicUrl),
    allowedHosts: toWords(settings.get("allowed_hosts"), /^[A-Za-z0-9.:[\]-]+$/, "names of hosts"),
    allowedRepositories: toWords(settings.get("allowed_repositories"), /^[^\s:@]+$/, "HOST or HOST/PATH"),
    shared: shared === undefined ? undefined : toShared(shared),
    workerName: name === undefined ? toWorkerName(hostName) : checkWorkerName(name),
    workerLabels: toWords(settings.get("worker_labels"), LABEL, "labels of letters, digits, . _ : / -"),
  };
}

/** What a label, and a tag that asks for it, may be made of. */
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}$/;
const WORKER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

function toHttpUrl(setting: Setting): string {
  const url = URL.parse(setting.text);
  const isPlain =
    url !== null && url.username === "" && url.password === "" && url.search === "" && url.hash === "";
  if (!isPlain || (url.protocol !== "http:" && url.protocol !== "https:")) {
    const hasScheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(setting.text);
    throw invalidSetting(
      /[@?#]/.test(setting.text) ? { ...setting, text: "..." } : setting,
      hasScheme
        ? "an address such as https://cicd.example.org, without user and password"
        : "an address: begin it with http:// or https://",
    );
  }
  return url.href.replace(/\/+$/, "");
}

/** `HOST:PORT`, `[IPv6]:PORT`, `HOST`, `:PORT` (every address of this host). */
function toListen(setting: Setting | undefined): TeamConfig["listen"] {
  if (setting === undefined) return DEFAULT_LISTEN;
  const match = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*)(?::(\d{1,5}))?$/.exec(setting.text.trim());
  const port = match?.[2] === undefined ? DEFAULT_LISTEN.port : Number(match[2]);
  if (match === null || setting.text.trim() === "" || port > 65_535) {
    throw invalidSetting(setting, "an address such as 127.0.0.1:7878 or :7878");
  }
  const host = match[1]!.replace(/^\[|\]$/g, "");
  return { host: host === "" ? "0.0.0.0" : host, port };
}

function toShared(setting: Setting): string {
  const isKnown =
    /^fs:\/[^\0]+$/.test(setting.text) ||
    /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[^\0]*)?$/.test(setting.text);
  if (isKnown) return setting.text;
  throw invalidSetting(setting, "fs:/absolute/directory or s3://BUCKET/PREFIX");
}

function toWords(setting: Setting | undefined, form: RegExp, expected: string): string[] {
  if (setting === undefined) return [];
  const words = setting.text.split(/[\s,]+/).filter((word) => word !== "");
  for (const word of words) if (!form.test(word)) throw invalidSetting({ ...setting, text: word }, expected);
  return [...new Set(words)];
}

function checkWorkerName(setting: Setting): string {
  if (WORKER_NAME.test(setting.text)) return setting.text;
  throw invalidSetting(setting, "a name of letters, digits, . _ - (at most 63)");
}

function toWorkerName(hostName: string): string {
  const name = hostName.replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 63);
  return WORKER_NAME.test(name) ? name : "worker";
}
