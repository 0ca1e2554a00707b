import type { App } from "./app/app.ts";
import type { RemoteService } from "./app/service.ts";
import { ApiClient, type Tell } from "./client/api-client.ts";
import type { Scratch } from "./client/fetch-artifacts.ts";
import { ServerService } from "./client/server-service.ts";
import type { ServerAddress } from "./config/config.ts";
import { makeStateDir } from "./config/state-dir.ts";
import { createLayerStore } from "./workspace/layers.ts";
import { openStateDirectory, openTemporaryDirectory } from "./workspace/state-directory.ts";

/** The service of a server. Nothing is sent before it is first asked. */
export function composeClient(server: ServerAddress, stateDir: string, app: App, tell: Tell): RemoteService {
  return new ServerService(new ApiClient(server, tell), app, () => openScratch(stateDir));
}

async function openScratch(stateDir: string): Promise<Scratch> {
  makeStateDir(stateDir);
  const directory = await openTemporaryDirectory(await openStateDirectory(stateDir), "download");
  const layers = createLayerStore(await openStateDirectory(directory.path));
  return { layers, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}
