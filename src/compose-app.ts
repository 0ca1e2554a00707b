import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { App, ExecutorKind } from "./app/app.ts";
import { ProcessPhases } from "./app/process-phases.ts";
import { composeUpkeep, dockerConnection } from "./compose-upkeep.ts";
import { composeWorkspace } from "./compose-workspace.ts";
import type { Config } from "./config/config.ts";
import { instanceOf } from "./config/instance.ts";
import { localFiles } from "./config/local-files.ts";
import { isOwnerAlive, readOwner } from "./config/process-owner.ts";
import { readSecretKey } from "./config/secret-key.ts";
import { makeStateDir } from "./config/state-dir.ts";
import { CicdError } from "./errors/cicd-error.ts";
import type { SandboxOwner } from "./executor/docker/docker-executor.ts";
import { once } from "./once.ts";
import type { Executor } from "./run/executor.ts";
import type { Registry } from "./run/registry.ts";
import type { Store } from "./run/store.ts";

type Variables = Record<string, string | undefined>;

/**
 * Wires the adapters up. Their code is loaded when a command first asks for them. To `serve` is to do what others ask for:
 * repositories at private addresses, and those of this host's disk, are refused then unless they are allowed.
 */
export function composeApp(config: Config, variables: Variables, purpose: "person" | "serve"): App {
  const parts = new Parts();
  const stores = new Parts();
  const phases = new ProcessPhases(performance.now());
  const identity = once(() => {
    makeStateDir(config.stateDir);
    const instance = instanceOf(config.stateDir, config.database);
    return { instance, owner: readOwner(config.stateDir) };
  });
  const { git, state, shared, ...workspace } = composeWorkspace(config, variables, purpose);
  const openExecutor = async (kind: ExecutorKind): Promise<Executor> => {
    makeStateDir(config.stateDir);
    return kind === "docker"
      ? openDocker(config, identity().instance, variables)
      : openShell(config, identity().instance, variables);
  };
  const executors = {
    docker: once(() => parts.keep(openExecutor("docker"))),
    shell: once(() => parts.keep(openExecutor("shell"))),
  };
  const store = once(() => stores.keep(openStore(config)));
  return {
    store,
    registry: store,
    ...workspace,
    executor: (kind) => executors[kind](),
    files: localFiles,
    readJunit: async (...call) => (await import("./reports/junit.ts")).readJunit(...call),
    upkeep: composeUpkeep(config, { git, state, shared, instance: () => identity().instance }),
    phases,
    get identity() {
      return identity();
    },
    secretKey: once(() => readSecretKey(config.stateDir, variables)),
    ...(config.defaultImage === undefined ? {} : { defaultImage: config.defaultImage }),
    warn: (text) => void process.stderr.write(`warning: ${text}\n`),
    now: Date.now,
    newId,
    isOwnerAlive: (owner) => isOwnerAlive(owner, identity().owner),
    lockWorker: (name) => lockWorker(config.stateDir, name),
    async [Symbol.asyncDispose]() {
      await using _last = stores;
      await parts[Symbol.asyncDispose]();
      await phases.write(store);
    },
  };
}

async function lockWorker(stateDir: string, name: string): Promise<AsyncDisposable> {
  const { tryProcessLock } = await import("./workspace/process-lock.ts");
  const lock = await tryProcessLock(join(stateDir, "workers", `${name}.lock`));
  if (lock !== undefined) return lock;
  const title = name.slice(0, name.indexOf("@"));
  throw new CicdError("WORKER_RUNNING", `a worker named ${title} is at work on this host already`, {
    hint: "end it first, or give this one another name with --name",
  });
}

async function openStore(config: Config): Promise<Store & Registry> {
  const { database } = config;
  if (database.kind === "postgres") {
    const { openPostgresStore } = await import("./store/postgres/open-postgres-store.ts");
    return openPostgresStore({ url: database.url });
  }
  makeStateDir(config.stateDir);
  const { openSqliteStore } = await import("./store/sqlite/open-sqlite-store.ts");
  return openSqliteStore({ path: database.path });
}

async function openDocker(config: Config, instance: string, variables: Variables): Promise<Executor> {
  const { createDockerExecutor } = await import("./executor/docker/docker-executor.ts");
  const { stateDir, memoryLimitBytes, cpuLimit } = config;
  const executor = createDockerExecutor({
    connection: dockerConnection(config),
    login: { configDir: config.docker.configDir, environment: variables },
    instance,
    stateDir,
    owner: sandboxOwner(join(stateDir, "sandboxes")),
    limits: {
      ...(memoryLimitBytes === undefined ? {} : { memoryBytes: memoryLimitBytes }),
      ...(cpuLimit === undefined ? {} : { cpus: cpuLimit }),
    },
  });
  // Its answer takes longer than the executor's first other calls do, and need not come before them.
  executor.workspaceMode().catch(() => {});
  return executor;
}

/** A name is a lock that the process holds: no matter in which container or how it ended, it is told from one that lives. */
function sandboxOwner(directory: string): SandboxOwner {
  const pathOf = (name: string) => join(directory, `${name}.lock`);
  const tryLock = async (name: string) => {
    const { tryProcessLock } = await import("./workspace/process-lock.ts");
    const lock = await tryProcessLock(pathOf(name));
    return (
      lock && {
        name,
        [Symbol.asyncDispose]: async () => {
          await rm(pathOf(name), { force: true });
          await lock[Symbol.asyncDispose]();
        },
      }
    );
  };
  return {
    async begin() {
      const lock = await tryLock(crypto.randomUUID());
      if (lock === undefined) throw new CicdError("IO_FAILED", `${directory} cannot be used for locks`);
      return lock;
    },
    async isAlive(name) {
      if (!/^[0-9a-f-]{36}$/.test(name)) return false;
      await using lock = await tryLock(name);
      return lock === undefined;
    },
  };
}

async function openShell(config: Config, instance: string, variables: Variables): Promise<Executor> {
  const { createShellExecutor } = await import("./executor/shell/shell-executor.ts");
  return createShellExecutor({ instance, stateDir: config.stateDir, environment: variables });
}

/** What was opened, to be closed in the opposite order. */
class Parts implements AsyncDisposable {
  private readonly opened: AsyncDisposable[] = [];

  async keep<T extends AsyncDisposable>(opening: Promise<T>): Promise<T> {
    const part = await opening;
    this.opened.push(part);
    return part;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of this.opened.reverse()) await part[Symbol.asyncDispose]();
  }
}

const RANDOM_LENGTH = 16;
const ALPHABET = "0123456789abcdefghijklmnopqrstuv";

/** Nine digits of time to base 36 and 80 random bits. */
function newId(): string {
  const random = Array.from(randomBytes(RANDOM_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]);
  return Date.now().toString(36).padStart(9, "0") + random.join("");
}
