import type Dockerode from "dockerode";
import type { AttemptLabels } from "../../run/executor.ts";
import { callEngine, type Engine } from "./connection.ts";
import { ask, dockerMessage, statusOf } from "./engine-error.ts";
import { attemptLabels, SHARED_LABELS } from "./labels.ts";

const SHARED_NAME = "cicd";
const ISOLATING = { "com.docker.network.bridge.enable_icc": "false" };

/**
 * The network of the jobs' containers: one bridge per engine, shared by all installations, on which no container
 * reaches another (`enable_icc=false`). It isolates runs at the price of one creation for good, where a network per run
 * costs 100 ms each and engines have addresses for some thirty networks only. Where the kernel cannot do that (no
 * br_netfilter), each run gets a network of its own.
 */
export class JobNetworks {
  readonly #engine: Engine;
  readonly #instance: string;
  readonly #ids = new Map<string, Promise<string>>();
  #perRun = false;

  constructor(engine: Engine, instance: string) {
    this.#engine = engine;
    this.#instance = instance;
  }

  /** The network's id. Throws DOCKER_UNREACHABLE or DOCKER_FAILED. */
  async ensure(labels: AttemptLabels): Promise<string> {
    const shared = await this.ensureShared();
    if (shared !== undefined) return shared;
    const name = `cicd-${this.#instance}-${labels.run}`;
    return await this.#once({ name, labels: attemptLabels(labels), options: {} });
  }

  /** The id of the network of all runs; undefined where each needs one of its own. Throws as `ensure`. */
  async ensureShared(): Promise<string | undefined> {
    if (this.#perRun) return undefined;
    try {
      return await this.#once({ name: SHARED_NAME, labels: SHARED_LABELS, options: ISOLATING });
    } catch (error) {
      if (!/netfilter|inter-container/i.test(dockerMessage(error))) throw error;
      this.#perRun = true;
      return undefined;
    }
  }

  /** After the engine said that a network is gone. */
  forget(): void {
    this.#ids.clear();
  }

  #once(wanted: Wanted): Promise<string> {
    let id = this.#ids.get(wanted.name);
    if (id === undefined) {
      id = findOrCreate(this.#engine, wanted);
      id.catch(() => this.#ids.delete(wanted.name));
      this.#ids.set(wanted.name, id);
    }
    return id;
  }
}

interface Wanted {
  name: string;
  labels: Record<string, string>;
  options: Record<string, string>;
}

async function findOrCreate(engine: Engine, wanted: Wanted): Promise<string> {
  const found = await find(engine, wanted);
  if (found !== undefined) return found;
  let created: string | undefined;
  try {
    created = await postNetwork(engine, wanted);
  } catch (error) {
    if (statusOf(error) !== 409) await ask(engine.host, "create a network", Promise.reject(error));
  }
  const chosen = await find(engine, wanted);
  if (chosen === undefined) {
    const gone = new Error(
      `a network ${wanted.name} that is not of cicd is in the way, or it was removed at once`,
    );
    return await ask(engine.host, "create a network", Promise.reject(gone));
  }
  if (created !== undefined && created !== chosen)
    await engine.docker
      .getNetwork(created)
      .remove()
      .catch(() => {});
  return chosen;
}

/** Asked directly: dockerode puts the body into the URL as well. Rejects as dockerode does. */
async function postNetwork(engine: Engine, { name, labels, options }: Wanted): Promise<string> {
  const created = await callEngine(engine, {
    path: "/networks/create",
    method: "POST",
    options: { Name: name, Driver: "bridge", CheckDuplicate: true, Labels: labels, Options: options },
    statusCodes: { 200: true, 201: true },
  });
  return (created as { Id: string }).Id;
}

/** Docker may make two networks of one name at the same moment; every process must choose the same one, so the oldest. */
async function find(engine: Engine, { name, labels, options }: Wanted): Promise<string | undefined> {
  const label = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const listed = engine.docker.listNetworks({ filters: { label: label.slice(0, 2), name: [name] } });
  const networks = await ask(engine.host, "list the networks", listed);
  const fits = (network: Dockerode.NetworkInspectInfo) =>
    network.Name === name &&
    Object.entries(options).every(([key, value]) => network.Options?.[key] === value);
  const [oldest] = networks.filter(fits).sort(byAge);
  return oldest?.Id;
}

function byAge(one: Dockerode.NetworkInspectInfo, other: Dockerode.NetworkInspectInfo): number {
  return one.Created.localeCompare(other.Created) || one.Id.localeCompare(other.Id);
}
