import type Dockerode from "dockerode";
import type { AttemptLabels } from "../../run/executor.ts";
import type { Engine } from "./connection.ts";
import { ask, dockerMessage, statusOf } from "./engine-error.ts";
import { attemptLabels, instanceFilter, instanceLabels } from "./labels.ts";

/**
 * The network of the jobs' containers. One bridge per instance that lets no container reach another
 * (`enable_icc=false`): it isolates runs at the price of one creation per instance, where a network per run would cost
 * 100 ms each. Where the engine cannot do that (no br_netfilter in the kernel), each run gets a network of its own.
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
    if (!this.#perRun) {
      try {
        return await this.#once(`cicd-${this.#instance}`, instanceLabels(this.#instance), {
          "com.docker.network.bridge.enable_icc": "false",
        });
      } catch (error) {
        if (!/netfilter|inter-container/i.test(dockerMessage(error))) throw error;
        this.#perRun = true;
      }
    }
    return await this.#once(`cicd-${this.#instance}-${labels.run}`, attemptLabels(labels), {});
  }

  /** After the engine said that a network is gone. */
  forget(): void {
    this.#ids.clear();
  }

  #once(name: string, labels: Record<string, string>, options: Record<string, string>): Promise<string> {
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = this.#findOrCreate(name, labels, options);
      id.catch(() => this.#ids.delete(name));
      this.#ids.set(name, id);
    }
    return id;
  }

  async #findOrCreate(
    name: string,
    labels: Record<string, string>,
    options: Record<string, string>,
  ): Promise<string> {
    const found = await this.#find(name);
    if (found !== undefined) return found;
    try {
      await this.#engine.docker.createNetwork({
        Name: name,
        Driver: "bridge",
        CheckDuplicate: true,
        Labels: labels,
        Options: options,
      });
    } catch (error) {
      if (statusOf(error) !== 409) await ask(this.#engine.host, "create a network", Promise.reject(error));
    }
    const created = await this.#find(name);
    if (created !== undefined) return created;
    return await ask(
      this.#engine.host,
      "create a network",
      Promise.reject(new Error(`${name} is gone at once`)),
    );
  }

  /** Docker allows two networks of one name; every process must choose the same one, so the oldest. */
  async #find(name: string): Promise<string | undefined> {
    const networks = await ask(
      this.#engine.host,
      "list the networks",
      this.#engine.docker.listNetworks({ filters: { ...instanceFilter(this.#instance), name: [name] } }),
    );
    const [oldest] = networks.filter((network) => network.Name === name).sort(byAge);
    return oldest?.Id;
  }
}

function byAge(one: Dockerode.NetworkInspectInfo, other: Dockerode.NetworkInspectInfo): number {
  return one.Created.localeCompare(other.Created) || one.Id.localeCompare(other.Id);
}
