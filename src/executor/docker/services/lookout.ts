import type { AttemptSpec } from "../../../run/executor.ts";
import type { Engine } from "../connection.ts";
import { postContainer } from "../create-container.ts";
import { ask } from "../engine-error.ts";
import { attemptLabels } from "../labels.ts";
import { runInContainer } from "./run-in-container.ts";

const WITH_CAT = ["cat", "/proc/net/tcp", "/proc/net/tcp6"];
/** By nothing but the shell itself. */
const WITH_SHELL = [
  "sh",
  "-c",
  'for table in tcp tcp6; do while IFS= read -r line; do echo "$line"; done </proc/net/$table; done',
];

/**
 * Reads what listens in a service. Where the service's image has no program for it, a container from the job's image, which has
 * a shell, joins the service's network for as long as the attempt lasts.
 */
export class Lookout {
  readonly #spec: Pick<AttemptSpec, "labels">;
  readonly #name: string;
  readonly #image: string;
  #from: "service" | "lookout" | "nowhere" = "service";
  #container: string | undefined;

  /** `image`: the id of the job's. */
  constructor(spec: Pick<AttemptSpec, "labels">, name: string, image: string) {
    this.#spec = spec;
    this.#name = name;
    this.#image = image;
  }

  /** Undefined: it cannot be found out. Rejects where the engine does not answer. */
  async socketTables(engine: Engine, serviceId: string): Promise<string | undefined> {
    if (this.#from === "service") {
      const tables = await runInContainer(engine, serviceId, WITH_CAT);
      if (tables !== undefined) return tables;
      this.#from = "lookout";
    }
    if (this.#from === "nowhere") return undefined;
    this.#container ??= await this.#start(engine, serviceId).catch(() => undefined);
    const container = this.#container;
    const tables = container === undefined ? undefined : await runInContainer(engine, container, WITH_SHELL);
    if (tables === undefined) this.#from = "nowhere";
    return tables;
  }

  async #start(engine: Engine, serviceId: string): Promise<string> {
    const id = await postContainer(engine, this.#name, {
      Image: this.#image,
      Entrypoint: ["sh", "-c", "read -r never"],
      Cmd: [],
      User: "65534:65534",
      WorkingDir: "/",
      OpenStdin: true,
      Labels: attemptLabels(this.#spec.labels),
      Healthcheck: { Test: ["NONE"] },
      HostConfig: {
        NetworkMode: `container:${serviceId}`,
        ReadonlyRootfs: true,
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges"],
        PidsLimit: 16,
        LogConfig: { Type: "none", Config: {} },
      },
    });
    await ask(engine.host, "start a container", engine.docker.getContainer(id).start());
    return id;
  }
}
