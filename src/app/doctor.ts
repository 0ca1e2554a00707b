import { type CicdError, messageOf } from "../errors/cicd-error.ts";
import type { Store } from "../run/store.ts";
import type { App } from "./app.ts";
import { examineSecrets } from "./secrets.ts";
import type { ServerFacts } from "./service.ts";
import type { DiskFacts, DockerFacts, StateDirectoryFacts } from "./upkeep.ts";

/** One part of what cicd needs. `mend`: what to do about a warning or failure. */
export interface Finding {
  name: "git" | "docker" | "database" | "secrets" | "disk" | "state directory" | "server";
  status: "ok" | "warn" | "fail";
  detail: string;
  mend: string | null;
}

const LITTLE_BYTES = 2 * 1024 ** 3;
const TOO_LITTLE_BYTES = 200 * 1024 ** 2;

/**
 * Looks at everything at once; never throws for what it finds. `needsDocker`: false when jobs run in the shell, or on the
 * server that is configured; `askServer`: that server, where there is one.
 */
export async function examine(
  app: App,
  options: { needsDocker: boolean; askServer?: () => Promise<ServerFacts> },
): Promise<Finding[]> {
  const [found, ofSecrets] = await Promise.all([lookAround(app, options.askServer), findSecrets(app)]);
  return [...found, ...ofSecrets].map((finding) =>
    finding.name === "docker" && finding.status === "fail" && !options.needsDocker
      ? { ...finding, status: "warn" }
      : finding,
  );
}

async function lookAround(app: App, askServer: (() => Promise<ServerFacts>) | undefined): Promise<Finding[]> {
  const { upkeep } = app;
  return await Promise.all([
    find(
      "git",
      () => upkeep.askGit(),
      ({ version }) => ok("git", version),
      "install git",
    ),
    find(
      "docker",
      () => upkeep.askDocker(),
      describeDocker,
      "start Docker, set DOCKER_HOST, or use --executor shell",
    ),
    find("database", () => askDatabase(app), describeDatabase, "check --database and CICD_DATABASE_URL"),
    find("state directory", () => upkeep.askStateDirectory(), describeState, "set CICD_STATE_DIR"),
    find("disk", () => upkeep.askDisks(), describeDisks, "set CICD_STATE_DIR"),
    ...(askServer === undefined
      ? []
      : [find("server", askServer, describeServer, "check --server, CICD_SERVER and CICD_TOKEN")]),
  ]);
}

function describeDocker(facts: DockerFacts): Finding {
  const { version, apiVersion, storageDriver, workspaceMode, operatingSystem, host } = facts;
  const detail = `${version} (API ${apiVersion}) on ${operatingSystem}, ${host}, storage ${storageDriver}, workspaces by ${workspaceMode}`;
  if (workspaceMode === "overlay") return ok("docker", detail);
  const mend =
    "workspaces are copied into containers, which is slower for large repositories; a local engine on Linux mounts them";
  return { name: "docker", status: "warn", detail, mend };
}

type DatabaseFacts = Awaited<ReturnType<Store["describe"]>> & { isReadOnly: boolean };

async function askDatabase(app: App): Promise<DatabaseFacts> {
  const store = await app.store();
  await store.check();
  return { ...(await store.describe()), isReadOnly: store.isReadOnly };
}

function describeDatabase({ kind, location, schemaVersion, isReadOnly }: DatabaseFacts): Finding {
  const detail = `${kind}, ${location}, schema ${schemaVersion}`;
  if (!isReadOnly) return ok("database", detail);
  const mend = "free some space, or make the file and its directory writable";
  return { name: "database", status: "fail", detail: `${detail}: it can only be read`, mend };
}

/** Nothing where none are set, and where the database cannot be asked: that has a finding of its own. */
async function findSecrets(app: App): Promise<Finding[]> {
  const secrets = await examineSecrets(app).catch(() => undefined);
  if (secrets === undefined || secrets.count === 0) return [];
  const { count, closed } = secrets;
  if (closed.length === 0) return [ok("secrets", `the key opens all that are stored (${count})`)];
  const detail = `the key does not open ${closed.length} of ${count}: ${closed.join(", ")}`;
  const mend =
    "set CICD_SECRET_KEY to the key they were stored with (here, the server and all its workers), or set them again: cicd secret set";
  return [{ name: "secrets", status: "fail", detail, mend }];
}

function describeState({ path, isPrivate, isWritable }: StateDirectoryFacts): Finding {
  if (!isWritable) {
    const mend = "make it writable, or set CICD_STATE_DIR to another directory";
    return { name: "state directory", status: "fail", detail: `${path} cannot be written to`, mend };
  }
  if (isPrivate) return ok("state directory", path);
  return {
    name: "state directory",
    status: "warn",
    detail: `${path} is open to other users`,
    mend: `chmod 700 ${path}`,
  };
}

function describeDisks(disks: DiskFacts[]): Finding {
  const gib = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  const detail = disks
    .map(({ path, freeBytes, totalBytes }) => `${gib(freeBytes)} of ${gib(totalBytes)} free at ${path}`)
    .join(", ");
  const leastBytes = Math.min(...disks.map(({ freeBytes }) => freeBytes));
  if (leastBytes >= LITTLE_BYTES) return ok("disk", detail);
  const status = leastBytes < TOO_LITTLE_BYTES ? "fail" : "warn";
  return {
    name: "disk",
    status,
    detail,
    mend: "free some space; cicd gc removes what is not needed any more",
  };
}

function describeServer({ url, workers }: ServerFacts): Finding {
  const detail = `${url}, ${workers} ${workers === 1 ? "worker" : "workers"}`;
  if (workers > 0) return ok("server", detail);
  const mend =
    "runs wait until one is there: start cicd worker, or cicd serve without --no-worker, whose worker is there some seconds later";
  return { name: "server", status: "warn", detail, mend };
}

function ok(name: Finding["name"], detail: string): Finding {
  return { name, status: "ok", detail, mend: null };
}

async function find<T>(
  name: Finding["name"],
  ask: () => Promise<T>,
  describe: (facts: T) => Finding,
  mend: string,
): Promise<Finding> {
  try {
    return describe(await ask());
  } catch (error) {
    const { code, hint } = error as Partial<CicdError>;
    const detail = code === undefined ? messageOf(error) : `${messageOf(error)} [${code}]`;
    return { name, status: "fail", detail, mend: hint ?? mend };
  }
}
