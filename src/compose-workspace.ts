import type { App } from "./app/app.ts";
import type { Config } from "./config/config.ts";
import { workspaceDirOf } from "./config/instance.ts";
import { makeStateDir } from "./config/state-dir.ts";
import { once } from "./once.ts";
import type { Git } from "./workspace/git.ts";
import type { SharedStore } from "./workspace/shared-store.ts";
import type { SharedTrees } from "./workspace/shared-trees.ts";
import type { StateDirectory } from "./workspace/state-directory.ts";

/** What keeps sources, snapshots and artifacts; each part made when first asked for. */
export interface Workspace extends Pick<App, "sources" | "layers" | "transfer"> {
  git: () => Promise<Git>;
  state: () => Promise<StateDirectory>;
  /** Undefined: there are no other hosts. */
  shared: () => Promise<SharedStore | undefined>;
}

/** `serve`: what is named is not trusted; see `RemoteGuard`. With `config.team.shared` other hosts find everything. */
export function composeWorkspace(
  config: Config,
  variables: Record<string, string | undefined>,
  purpose: "person" | "serve",
): Workspace {
  const { hostName, stateDir, database, team } = config;
  const state = once(async () => {
    makeStateDir(stateDir);
    const { openStateDirectory } = await import("./workspace/state-directory.ts");
    return openStateDirectory(workspaceDirOf(stateDir, database));
  });
  const git = once(async () => (await import("./workspace/git.ts")).createGit(variables));
  const shared = once(async () => {
    if (team.shared === undefined) return undefined;
    return (await import("./workspace/shared-store.ts")).openSharedStore(team.shared, variables);
  });
  const trees = once(async (): Promise<{ shared?: SharedTrees }> => {
    const store = await shared();
    if (store === undefined) return {};
    const { SharedTrees } = await import("./workspace/shared-trees.ts");
    return { shared: new SharedTrees(await git(), await state(), store) };
  });
  return {
    git,
    state,
    shared,
    sources: once(async () => {
      const { createSourceOpener } = await import("./workspace/source.ts");
      const guard = purpose === "serve" ? { guard: { allowed: team.allowedRepositories } } : {};
      return createSourceOpener(await git(), await state(), { hostName, ...guard, ...(await trees()) });
    }),
    layers: once(async () => {
      const local = (await import("./workspace/layers.ts")).createLayerStore(await state());
      const store = await shared();
      const { shared: sharedTrees } = await trees();
      if (store === undefined || sharedTrees === undefined) return local;
      const { shareLayers } = await import("./workspace/shared-layers.ts");
      return shareLayers(local, await state(), store, sharedTrees);
    }),
    transfer: once(async () => {
      const { createTreeTransfer } = await import("./workspace/tree-transfer.ts");
      return createTreeTransfer(await git(), await state(), await trees());
    }),
  };
}
