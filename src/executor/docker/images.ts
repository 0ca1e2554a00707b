import type { Readable } from "node:stream";
import type { Image } from "../../pipeline/pipeline.ts";
import type { Engine } from "./connection.ts";
import { askLeniently, dockerMessage, engineError, statusOf } from "./engine-error.ts";
import { type PullMessage, PullProgress } from "./pull-progress.ts";

/** What a container needs to know of its image. */
export interface ImageFacts {
  id: string;
  /** Empty: root. */
  user: string;
  /** `NAME=value`, as the image sets it. */
  env: string[];
}

/** The image cannot be had: a result of the job, not a fault of the machine. `message` is for people, with a hint. */
export class ImagePullError extends Error {}

interface Pull {
  done: Promise<void>;
  listeners: Set<(line: string) => void>;
  stop: AbortController;
}

/** The engine's images as jobs see them. A pull is shared by all who wait for the same image; inspections are remembered. */
export class JobImages {
  readonly #engine: Engine;
  readonly #facts = new Map<string, Promise<ImageFacts | undefined>>();
  readonly #pulls = new Map<string, Pull>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Finds or pulls the image by its policy. Throws ImagePullError, DOCKER_UNREACHABLE, DOCKER_FAILED; the signal's
   * reason when aborted, and then the pull ends unless others wait for it.
   */
  async ensure(image: Image, onProgress: (line: string) => void, signal: AbortSignal): Promise<ImageFacts> {
    const name = withTag(image.name);
    if (image.pullPolicy !== "always") {
      const found = await this.#inspect(name);
      if (found !== undefined) return found;
      if (image.pullPolicy === "never") {
        throw new ImagePullError(
          `The image ${name} is not on this machine and its pull_policy is "never". Build or pull it, or use if-not-present.`,
        );
      }
    }
    await this.#pull(name, onProgress, signal);
    this.forget(name);
    const pulled = await this.#inspect(name);
    if (pulled === undefined) throw new ImagePullError(`The image ${name} was pulled but is not there.`);
    return pulled;
  }

  /** After the engine said that an image is gone. */
  forget(name: string): void {
    this.#facts.delete(withTag(name));
  }

  #inspect(name: string): Promise<ImageFacts | undefined> {
    let facts = this.#facts.get(name);
    if (facts === undefined) {
      facts = this.#inspectNow(name);
      this.#facts.set(name, facts);
      const drop = () => this.#facts.delete(name);
      facts.then((found) => found ?? drop(), drop);
    }
    return facts;
  }

  async #inspectNow(name: string): Promise<ImageFacts | undefined> {
    const answer = this.#engine.docker.getImage(name).inspect();
    const image = await askLeniently(this.#engine.host, `inspect the image ${name}`, answer, [404, 400]);
    if (image === undefined) return undefined;
    return { id: image.Id, user: image.Config?.User ?? "", env: image.Config?.Env ?? [] };
  }

  async #pull(name: string, onProgress: (line: string) => void, signal: AbortSignal): Promise<void> {
    let pull = this.#pulls.get(name);
    if (pull === undefined) {
      pull = { done: Promise.resolve(), listeners: new Set(), stop: new AbortController() };
      pull.done = this.#pullNow(name, pull).finally(() => this.#pulls.delete(name));
      pull.done.catch(() => {});
      this.#pulls.set(name, pull);
    }
    pull.listeners.add(onProgress);
    try {
      await orAbort(pull.done, signal);
    } finally {
      pull.listeners.delete(onProgress);
      if (pull.listeners.size === 0) {
        pull.stop.abort();
        if (this.#pulls.get(name) === pull) this.#pulls.delete(name);
      }
    }
  }

  async #pullNow(name: string, pull: Pull): Promise<void> {
    const tell = (line: string) => {
      for (const listener of pull.listeners) listener(line);
    };
    await Promise.resolve();
    tell(`Pulling ${name}`);
    const progress = new PullProgress(name, performance.now());
    try {
      const stream = (await this.#engine.docker.pull(name, { abortSignal: pull.stop.signal })) as Readable;
      pull.stop.signal.addEventListener("abort", () => stream.destroy(), { once: true });
      for await (const message of readMessages(stream)) {
        if (message.error !== undefined) throw new ImagePullError(pullFailure(name, message.error));
        const line = progress.take(message, performance.now());
        if (line !== undefined) tell(line);
      }
    } catch (error) {
      if (error instanceof ImagePullError || pull.stop.signal.aborted) throw error;
      if (statusOf(error) === undefined) throw engineError(error, `pull ${name}`, this.#engine.host);
      throw new ImagePullError(pullFailure(name, dockerMessage(error)));
    }
    tell(`Pulled ${name}`);
  }
}

/** Docker pulls every tag of a name that has none. */
export function withTag(name: string): string {
  const last = name.slice(name.lastIndexOf("/") + 1);
  return last.includes(":") || last.includes("@") ? name : `${name}:latest`;
}

function pullFailure(name: string, reason: string): string {
  const hint = /not found|manifest unknown|does not exist|denied|unauthorized/i.test(reason)
    ? "Check the image's name and tag, and whether the engine is logged in to its registry."
    : "Check that the registry can be reached from the Docker engine.";
  return `The image ${name} could not be pulled: ${reason.replace(/\s+/g, " ").trim()}. ${hint}`;
}

async function* readMessages(stream: Readable): AsyncGenerator<PullMessage, void, undefined> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line);
  }
  if (rest.trim() !== "") yield JSON.parse(rest);
}

async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
