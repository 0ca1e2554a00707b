import { readFile } from "node:fs/promises";
import { outputOf } from "./process.ts";

/** The network that all of cicd's jobs share: made once per engine. */
const SHARED_NETWORK = "cicd";
/** How gitlab-ci-local begins the names of what it makes. */
const RIVAL_PREFIX = "gcl-";

/** What measuring may leave in the engine, beyond what was there before. */
export class DockerLeftovers {
  readonly #before: ReadonlySet<string>;
  readonly #hadNetwork: boolean;

  private constructor(before: ReadonlySet<string>, hadNetwork: boolean) {
    this.#before = before;
    this.#hadNetwork = hadNetwork;
  }

  /** Takes down what there is now. */
  static async watch(): Promise<DockerLeftovers> {
    return new DockerLeftovers(new Set(await listRivals()), (await sharedNetwork()) !== undefined);
  }

  /** `instanceFile` names the installation of cicd that was measured; it may not have got so far. */
  async remove(instanceFile: string): Promise<void> {
    const instance = await readFile(instanceFile, "utf8").then(
      (text) => text.trim(),
      () => undefined,
    );
    if (instance !== undefined) {
      const filter = `label=cicd.instance=${instance}`;
      await removeAll("container", await list("container", filter));
      await removeAll("volume", await list("volume", filter));
      await removeAll("network", await list("network", filter));
    }
    const rivals = (await listRivals()).filter((entry) => !this.#before.has(entry));
    for (const kind of ["container", "volume"] as const) {
      const prefix = `${kind} `;
      const ids = rivals
        .filter((entry) => entry.startsWith(prefix))
        .map((entry) => entry.slice(prefix.length));
      await removeAll(kind, ids);
    }
    // Somebody else's job may be in it by now; then it stays.
    const network = this.#hadNetwork ? undefined : await sharedNetwork();
    if (network !== undefined) await removeAll("network", [network]).catch(() => {});
  }
}

async function listRivals(): Promise<string[]> {
  const filter = `name=${RIVAL_PREFIX}`;
  const containers = await list("container", filter);
  const volumes = await list("volume", filter);
  return [...containers.map((id) => `container ${id}`), ...volumes.map((name) => `volume ${name}`)];
}

async function sharedNetwork(): Promise<string | undefined> {
  return (await list("network", `name=^${SHARED_NETWORK}$`))[0];
}

async function list(kind: "container" | "volume" | "network", filter: string): Promise<string[]> {
  const all = kind === "container" ? ["-a"] : [];
  return (await outputOf(["docker", kind, "ls", ...all, "-q", "--filter", filter]))
    .split("\n")
    .filter(Boolean);
}

async function removeAll(kind: "container" | "volume" | "network", ids: string[]): Promise<void> {
  if (ids.length === 0) return;
  const force = kind === "container" ? ["-f", "-v"] : [];
  await outputOf(["docker", kind, "rm", ...force, ...ids]);
}
