import { isAbsolute } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import { readEnvFile } from "../pipeline/env-file.ts";
import type { Variable, Variables } from "../pipeline/pipeline.ts";
import { type OwnVariable, readVariablesFile } from "../pipeline/variables-file.ts";
import { MIN_MASKED } from "../run/mask-patterns.ts";
import type { Secret, SecretSource } from "../run/secret-source.ts";
import type { App, Files } from "./app.ts";
import { secretProblem, storedSecrets } from "./secrets.ts";

/** Variables of the user's own, beside the working tree: for runs of it on this host. */
export interface LocalVariables {
  /** Those that are no secrets. */
  plain: Variables;
  secrets: ReadonlyMap<string, Secret>;
  /** The files that are there, relative to the repository's top. */
  files: string[];
  /** About lines of `.env` that say nothing: it is not written for cicd alone. */
  warnings: string[];
}

export const NO_LOCAL_VARIABLES: LocalVariables = { plain: {}, secrets: new Map(), files: [], warnings: [] };

const ENV_FILE = ".env";
const VARIABLES_FILE = ".cicd/variables.yml";
const MASKED_NAME = /TOKEN|SECRET|PASSWORD|PASSWD|KEY|CREDENTIAL/i;

/**
 * Of `.env`, and over it `.cicd/variables.yml`, below `root`; of a root that is no path of this host there are none. What a name in
 * `.env` calls a secret is one, if it is long enough to be masked. Lines that say nothing are passed over. Throws CONFIG_INVALID, SECRET_REFUSED, CONFIG_UNREADABLE.
 */
export async function readLocalVariables(files: Files, root: string): Promise<LocalVariables> {
  if (!isAbsolute(root)) return NO_LOCAL_VARIABLES;
  const [env, yaml] = await Promise.all([
    files.readBelow(root, ENV_FILE),
    files.readBelow(root, VARIABLES_FILE),
  ]);
  if (env === undefined && yaml === undefined) return NO_LOCAL_VARIABLES;
  const read = readEnvFile(env ?? "");
  const own = new Map([...fromEnv(read), ...(yaml === undefined ? [] : fromYaml(yaml))]);
  const plain: [string, Variable][] = [];
  const secrets = new Map<string, Secret>();
  for (const [name, variable] of own) {
    const { value, expand, file, masked } = variable;
    if (masked) secrets.set(name, { value, file, former: [] });
    else plain.push([name, expand && !file ? value : { value, expand, ...(file ? { file: true } : {}) }]);
  }
  const there = [...(env === undefined ? [] : [ENV_FILE]), ...(yaml === undefined ? [] : [VARIABLES_FILE])];
  const warnings = read.problems.map(({ line, message }) => `${ENV_FILE}:${line} is passed over: ${message}`);
  return { plain: Object.fromEntries(plain), secrets, files: there, warnings };
}

/** A sentence about those that a run on a server does not get; `root`: of the working tree it is made of. */
export async function unsentVariables(files: Files, root: string): Promise<string[]> {
  const names = [ENV_FILE, VARIABLES_FILE];
  const texts = await Promise.all(names.map((name) => files.readBelow(root, name)));
  const there = names.filter((_, index) => texts[index] !== undefined);
  if (there.length === 0) return [];
  const verb = there.length === 1 ? "is" : "are";
  return [
    `${there.join(" and ")} ${verb} for runs on this host: give a server's run what it needs by --var or cicd secret set`,
  ];
}

/**
 * A sentence about each line that is passed over, and about those of the files that git does not ignore: they are in every snapshot,
 * and soon in a commit.
 */
export async function localWarnings(
  app: App,
  root: string,
  { files, warnings }: LocalVariables,
  signal: AbortSignal,
): Promise<string[]> {
  if (files.length === 0) return [];
  const ignored = (await (await app.sources()).ignoredFiles(root, files, signal)) ?? files;
  const open = files.filter((file) => !ignored.includes(file));
  const tracked = open.map(
    (file) => `${file} is not ignored by git, so that jobs and commits get it: add it to .gitignore`,
  );
  return [...warnings, ...tracked];
}

/** Of local runs: the user's own stand over those in the database. They are read again for each job, as they lie there then. */
export function secretsOfHost(app: App): SecretSource {
  const stored = storedSecrets(app);
  return {
    async read(run, names) {
      const [known, local] = await Promise.all([
        stored.read(run, names),
        readLocalVariables(app.files, run.source.repo.key),
      ]);
      const own = [...local.secrets].filter(([name]) => names.includes(name));
      return new Map([...known, ...own]);
    },
  };
}

function fromEnv({ values }: ReturnType<typeof readEnvFile>): Map<string, OwnVariable> {
  return new Map(
    [...values].map(([name, value]) => {
      const masked = MASKED_NAME.test(name) && value.trim().length >= MIN_MASKED;
      return [name, { value, expand: false, file: false, masked }];
    }),
  );
}

function fromYaml(text: string): Map<string, OwnVariable> {
  const { variables, diagnostics } = readVariablesFile(VARIABLES_FILE, text);
  const problem = diagnostics.find(({ severity }) => severity === "error");
  if (problem !== undefined) throw invalid(VARIABLES_FILE, problem.line, problem.message, problem.hint);
  for (const [name, { value, masked }] of variables) {
    const refused = masked ? secretProblem(name, value) : undefined;
    if (refused !== undefined)
      throw new CicdError("SECRET_REFUSED", `${VARIABLES_FILE}: ${refused.message}`, { hint: refused.hint });
  }
  return variables;
}

function invalid(file: string, line: number, message: string, hint?: string): CicdError {
  return new CicdError("CONFIG_INVALID", `${file}:${line}: ${message}`, hint === undefined ? {} : { hint });
}
