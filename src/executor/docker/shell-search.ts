import type { Engine } from "./connection.ts";
import { askLeniently } from "./engine-error.ts";

/** Whether the container's file system has `sh` in one of these directories; asked only after an exit code of 127. */
export async function imageHasShell(
  engine: Engine,
  containerId: string,
  searchPath: string[],
): Promise<boolean> {
  const container = engine.docker.getContainer(containerId);
  const found = await Promise.all(
    searchPath.map((directory) => {
      const path = `${directory}/sh`;
      return askLeniently(engine.host, `look at ${path}`, container.infoArchive({ path }), [400, 404]);
    }),
  );
  return found.some((answer) => answer !== undefined);
}

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The PATH of a container: the job's own, else the image's, else the engine's default. */
export function searchPathOf(environment: Record<string, string>, imageEnv: string[]): string[] {
  const fromImage = imageEnv.find((entry) => entry.startsWith("PATH="))?.slice("PATH=".length);
  return (environment.PATH ?? fromImage ?? DEFAULT_PATH)
    .split(":")
    .filter((directory) => directory.startsWith("/"));
}
