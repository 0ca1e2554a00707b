import { CicdError, messageOf } from "../../../errors/cicd-error.ts";
import { settlesWithin } from "../../attempt/deadline.ts";
import { type Attachment, attach } from "../attach.ts";
import type { Engine } from "../connection.ts";
import { postContainer } from "../create-container.ts";
import { ask } from "../engine-error.ts";
import { readFrames } from "../frames.ts";
import { removeContainer } from "../removal.ts";
import { isWhole, keeperOptions, normalizeReport } from "./keeper.ts";

/** A keeper answers within a millisecond or two; one that does not is given up. */
const ANSWER_MS = 2_000;
/** A sandbox with thousands of open sockets is not worth reading. */
const MAX_REPORT_BYTES = 256 * 1024;

/** What a sandbox is made of. `image`: the id of one that has a shell. */
export interface SandboxPlace {
  name: string;
  image: string;
  network: string;
  labels: Record<string, string>;
}

/**
 * A network namespace that outlives the job in it: addresses, routes, DNS and /etc/hosts, held by a container that does nothing
 * else. A container that joins it starts in a third of the time, since making these is most of what a start costs.
 */
export class Sandbox {
  readonly #engine: Engine;
  readonly #id: string;
  readonly #ready: Promise<Conversation>;
  #removal: Promise<void> | undefined;

  private constructor(engine: Engine, id: string) {
    this.#engine = engine;
    this.#id = id;
    this.#ready = startKeeper(engine, id);
    this.#ready.catch(() => {});
  }

  /** Returns as soon as containers can be created for it; they can start when it is `ready`. Rejects as dockerode does. */
  static async make(engine: Engine, place: SandboxPlace): Promise<Sandbox> {
    const { name, image, network, labels } = place;
    return new Sandbox(engine, await postContainer(engine, name, keeperOptions(image, network, labels)));
  }

  /** For `NetworkMode`. */
  get networkMode(): string {
    return `container:${this.#id}`;
  }

  /** Throws DOCKER_FAILED where the keeper cannot be started: its image has no shell, say. */
  async ready(): Promise<void> {
    await this.#ready;
  }

  /** Whether all is as it was before the first job: no socket and no changed file is left. Never rejects. */
  async isClean(): Promise<boolean> {
    try {
      const { keeper, fresh } = await this.#ready;
      return (await keeper.report()) === fresh;
    } catch {
      return false;
    }
  }

  /** Whatever else is in it loses its network. Idempotent. */
  async remove(): Promise<void> {
    this.#removal ??= this.#remove().catch((error) => {
      this.#removal = undefined;
      throw error;
    });
    await this.#removal;
  }

  async #remove(): Promise<void> {
    const conversation = await this.#ready.catch(() => undefined);
    conversation?.keeper.close();
    await removeContainer(this.#engine, this.#id);
  }
}

/**
 * Whether a container could not be created or started because of the sandbox it was to join: then it has not run. The engine's
 * words: "cannot join network of a non running container", "No such container", runc's about the path of a namespace.
 */
export function isOfSandbox(error: unknown): boolean {
  if (error instanceof SandboxError) return true;
  return /join network|namespace|no such container/i.test(messageOf(error));
}

class SandboxError extends CicdError {}

interface Conversation {
  keeper: Keeper;
  /** The report before the first job. */
  fresh: string;
}

async function startKeeper(engine: Engine, id: string): Promise<Conversation> {
  try {
    return await tryToStart(engine, id);
  } catch (cause) {
    throw new SandboxError("DOCKER_FAILED", `A sandbox could not be started: ${messageOf(cause)}`, { cause });
  }
}

async function tryToStart(engine: Engine, id: string): Promise<Conversation> {
  const attachment = await attach(engine, id, { stdin: true });
  if (attachment === undefined) throw new Error("the engine cannot be dialled");
  const keeper = new Keeper(attachment);
  try {
    await ask(engine.host, "start a sandbox", engine.docker.getContainer(id).start());
    return { keeper, fresh: await keeper.report() };
  } catch (error) {
    keeper.close();
    throw error;
  }
}

/** Asks and answers, one at a time. */
class Keeper {
  readonly #attachment: Attachment;
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(attachment: Attachment) {
    this.#attachment = attachment;
    this.#chunks = readFrames(attachment);
  }

  close(): void {
    this.#attachment.close();
  }

  /** Throws where no whole report comes in time. */
  async report(): Promise<string> {
    const mark = crypto.randomUUID();
    this.#attachment.write(`${mark}\n`);
    const reading = this.#read(mark);
    if (await settlesWithin(reading, ANSWER_MS)) return normalizeReport(await reading, mark);
    this.close();
    throw new Error("the keeper of a sandbox does not answer");
  }

  async #read(mark: string): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    while (!isWhole(text, mark)) {
      const { done, value } = await this.#chunks.next();
      if (done === true || text.length > MAX_REPORT_BYTES) throw new Error("the keeper broke off");
      text += decoder.decode(value, { stream: true });
    }
    return text;
  }
}
