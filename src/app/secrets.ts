import { randomBytes } from "node:crypto";
import { CicdError } from "../errors/cicd-error.ts";
import { MIN_MASKED } from "../run/mask-patterns.ts";
import type { SecretRecord } from "../run/registry.ts";
import { NONCE_BYTES, seal, unseal } from "../run/sealed.ts";
import type { Secret, SecretSource } from "../run/secret-source.ts";
import type { App } from "./app.ts";
import { toIso } from "./shapes.ts";

/** What people see of a secret: never its value. */
export interface SecretJson {
  name: string;
  /** The repository's key; null: of all repositories. */
  repo: string | null;
  /** Jobs find it in a file, whose path the variable holds. */
  file: boolean;
  createdAt: string;
  updatedAt: string;
}

export interface SecretRequest {
  /** Null: all repositories get it. */
  repo: string | null;
  name: string;
  value: string;
  file: boolean;
}

/** Where secrets are kept: this process's database, or a server. A repository is named by a path or an address. */
export interface SecretService {
  /** As `setSecret`. */
  set(request: SecretRequest, signal: AbortSignal): Promise<void>;
  /** Of the repository and of all repositories; null: of any. */
  list(repo: string | null, signal: AbortSignal): Promise<SecretJson[]>;
  /** As `removeSecret`. */
  remove(repo: string | null, name: string, signal: AbortSignal): Promise<void>;
}

/** A job that was given the value before may still run for so long: both are masked. */
const FORMER_MS = 24 * 3_600_000;
const MAX_BYTES = 32 * 1024;
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;

export function localSecrets(app: App): SecretService {
  const keyOf = async (repo: string | null, signal: AbortSignal) =>
    repo === null ? null : (await app.sources()).repoKey(repo, signal);
  return {
    set: async (request, signal) => setSecret(app, { ...request, repo: await keyOf(request.repo, signal) }),
    list: async (repo, signal) => listSecrets(app, await keyOf(repo, signal)),
    remove: async (repo, name, signal) => removeSecret(app, await keyOf(repo, signal), name),
  };
}

/** `repo`: a key. Throws SECRET_REFUSED where the value could not be masked, and SECRET_KEY_INVALID. */
export async function setSecret(app: App, { repo, name, value, file }: SecretRequest): Promise<void> {
  const problem = secretProblem(name, value);
  if (problem !== undefined) throw new CicdError("SECRET_REFUSED", problem.message, { hint: problem.hint });
  const repositoryKey = repo ?? "";
  const context = contextOf({ repositoryKey, name });
  const sealed = seal(value, app.secretKey(), context, randomBytes(NONCE_BYTES));
  await (await app.registry()).putSecret({ repositoryKey, name, sealed, isFile: file }, FORMER_MS);
}

/** `repo`: a key; null: of any. */
export async function listSecrets(app: App, repo: string | null): Promise<SecretJson[]> {
  const rows = await (await app.registry()).listSecrets(repo ?? undefined);
  return rows.filter(isSet).map(({ repositoryKey, name, isFile, createdAt, updatedAt }) => ({
    name,
    repo: repositoryKey === "" ? null : repositoryKey,
    file: isFile,
    createdAt: toIso(createdAt),
    updatedAt: toIso(updatedAt),
  }));
}

/** Throws NOT_FOUND. */
export async function removeSecret(app: App, repo: string | null, name: string): Promise<void> {
  if (await (await app.registry()).removeSecret(repo ?? "", name, FORMER_MS)) return;
  throw new CicdError(
    "NOT_FOUND",
    `there is no secret "${name}" ${repo === null ? "of all repositories" : `of ${repo}`}`,
    {
      hint: "see what there is with: cicd secret list",
    },
  );
}

/** Those in the database; one of the repository itself stands before one of all repositories. */
export function storedSecrets(app: App): SecretSource {
  return {
    async read(run, names) {
      const rows = await (await app.registry()).listSecrets(run.source.repo.key);
      const secrets = new Map<string, Secret>();
      for (const name of names) {
        const secret = openSecret(
          app,
          rows.filter((row) => row.name === name),
        );
        if (secret !== undefined) secrets.set(name, secret);
      }
      return secrets;
    },
  };
}

/** Names of the secrets that runs of the repository may be given. */
export async function secretNames(app: App, repositoryKey: string): Promise<string[]> {
  const rows = await (await app.registry()).listSecrets(repositoryKey);
  return [...new Set(rows.filter(isSet).map(({ name }) => name))];
}

const isSet = (row: SecretRecord): row is SetSecret => row.sealed !== null;
type SetSecret = SecretRecord & { sealed: string };

/** `rows`: of one name, the one that counts last. A job that runs may have been given any of them. */
function openSecret(app: App, rows: SecretRecord[]): Secret | undefined {
  const row = rows.findLast(isSet);
  const value = row && openValue(app, row);
  const former = rows.flatMap((one) =>
    [one === row ? null : one.sealed, one.former].flatMap((sealed) => openFormer(app, sealed, one)),
  );
  if (row !== undefined && value !== undefined) return { value, file: row.isFile, former };
  const [was, ...before] = former;
  return was === undefined ? undefined : { value: was, file: false, former: before, isRemoved: true };
}

/** Throws SECRET_KEY_INVALID, which says the secret's name. */
function openValue(app: App, row: SetSecret): string {
  try {
    return unseal(row.sealed, app.secretKey(), contextOf(row));
  } catch (error) {
    if (!(error instanceof CicdError) || error.code !== "SECRET_KEY_INVALID") throw error;
    const { hint } = error;
    const message = `the secret ${row.name} cannot be opened: ${error.message}`;
    throw new CicdError(error.code, message, hint === undefined ? {} : { hint });
  }
}

/** One that was sealed with a key of former times cannot be masked any more. */
function openFormer(app: App, sealed: string | null, row: SecretRecord): string[] {
  if (sealed === null) return [];
  try {
    return [unseal(sealed, app.secretKey(), contextOf(row))];
  } catch {
    return [];
  }
}

/** Names of those that are set, and of those of them that the key does not open. */
export async function examineSecrets(app: App): Promise<{ count: number; closed: string[] }> {
  const rows = (await (await app.registry()).listSecrets(undefined)).filter(isSet);
  const closed = rows.filter((row) => openFormer(app, row.sealed, row).length === 0);
  return { count: rows.length, closed: [...new Set(closed.map(({ name }) => name))] };
}

/** Unique: no name holds a blank. */
const contextOf = ({ repositoryKey, name }: Pick<SecretRecord, "repositoryKey" | "name">) =>
  `${name} ${repositoryKey}`;

/** Why a value cannot be kept from logs, or cannot be a variable. */
export function secretProblem(name: string, value: string): { message: string; hint: string } | undefined {
  if (!NAME.test(name))
    return { message: `"${name.slice(0, 80)}" is not the name of a variable`, hint: "write A-Z, 0-9 and _" };
  if (value.trim().length < MIN_MASKED)
    return {
      message: `the value of ${name} is shorter than ${MIN_MASKED} characters`,
      hint: "so short a value cannot be hidden in logs without hiding half of them; choose a longer one",
    };
  if (value.includes("\0") || value.includes("\ufffd"))
    return { message: `the value of ${name} is not a text`, hint: "encode it, for example with base64" };
  if (Buffer.byteLength(value) > MAX_BYTES)
    return {
      message: `the value of ${name} is longer than ${MAX_BYTES / 1024} KiB`,
      hint: "keep the file elsewhere, encrypted, and make its password the secret",
    };
  return undefined;
}
