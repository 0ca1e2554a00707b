import { existsSync } from "node:fs";
import { access, constants, stat, statfs } from "node:fs/promises";
import type { DiskFacts, Upkeep } from "./app/upkeep.ts";
import type { Config } from "./config/config.ts";
import { isOpenToOthers, makeStateDir } from "./config/state-dir.ts";
import type { DockerConnection } from "./executor/docker/connection.ts";
import type { Git } from "./workspace/git.ts";
import type { SharedStore } from "./workspace/shared-store.ts";
import type { StateDirectory } from "./workspace/state-directory.ts";

/** The parts of `doctor` and `gc` that look at the host. */
export function composeUpkeep(
  config: Config,
  parts: {
    git: () => Promise<Git>;
    state: () => Promise<StateDirectory>;
    shared: () => Promise<SharedStore | undefined>;
    instance: () => string;
  },
): Upkeep {
  return {
    async askGit() {
      const git = await parts.git();
      const { stdout } = await git({ args: ["version"], cwd: "/" }, AbortSignal.timeout(10_000));
      return { version: stdout.toString("utf8").trim() };
    },
    askDocker: () => askDocker(config, parts.instance()),
    async askStateDirectory() {
      const { stateDir } = config;
      makeStateDir(stateDir);
      const isPrivate = !isOpenToOthers(stateDir);
      const isWritable = await access(stateDir, constants.W_OK).then(
        () => true,
        () => false,
      );
      return { path: stateDir, isPrivate, isWritable };
    },
    async askDisks() {
      const { stateDir, database } = config;
      makeStateDir(stateDir);
      const state = await askDisk(stateDir);
      if (database.kind !== "sqlite" || !existsSync(database.path)) return [state];
      const [own, shared] = await Promise.all([stat(database.path), stat(stateDir)]);
      return own.dev === shared.dev ? [state] : [state, await askDisk(database.path)];
    },
    async collectGarbage(kept, options, signal) {
      const [{ collectGarbage }, { collectShared }] = await Promise.all([
        import("./workspace/collect-garbage.ts"),
        import("./workspace/collect-shared.ts"),
      ]);
      const now = Date.now();
      const host = { git: await parts.git(), state: await parts.state() };
      const here = await collectGarbage(host, kept, { ...options, now }, signal);
      // Of several hosts' files only the database that they share knows which are wanted.
      const shared = config.database.kind === "postgres" ? await parts.shared() : undefined;
      if (shared === undefined) return here;
      const there = await collectShared(shared, kept, { ...options, now }, signal);
      return { ...here, shared: there.count, bytes: here.bytes + there.bytes };
    },
  };
}

async function askDisk(path: string): Promise<DiskFacts> {
  const { bavail, blocks, bsize } = await statfs(path);
  return { path, freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

export function dockerConnection({ docker }: Config): DockerConnection {
  return {
    host: docker.host,
    ...(docker.certPath === undefined ? {} : { certPath: docker.certPath }),
    ...(docker.sshAgent === undefined ? {} : { sshAgent: docker.sshAgent }),
  };
}

async function askDocker(
  config: Config,
  instance: string,
): Promise<Awaited<ReturnType<Upkeep["askDocker"]>>> {
  const { openEngine } = await import("./executor/docker/connection.ts");
  const { ask } = await import("./executor/docker/engine-error.ts");
  const { findWorkspaceMode } = await import("./executor/docker/workspace-mode.ts");
  const engine = await openEngine(dockerConnection(config));
  const version = await ask(engine.host, "tell its version", engine.docker.version());
  const info = (await ask(engine.host, "describe itself", engine.docker.info())) as Record<string, unknown>;
  return {
    host: engine.host,
    version: version.Version,
    apiVersion: version.ApiVersion,
    storageDriver: String(info.Driver),
    operatingSystem: String(info.OperatingSystem),
    workspaceMode: await findWorkspaceMode(engine, instance, config.stateDir),
  };
}
