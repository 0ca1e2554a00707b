import type { Readable } from "node:stream";
import type Dockerode from "dockerode";
import type { Image } from "../../pipeline/pipeline.ts";
import { orAbort } from "../attempt/or-abort.ts";
import { callEngine, type Engine } from "./connection.ts";
import { askLeniently, dockerMessage, engineError, statusOf } from "./engine-error.ts";
import { type PullMessage, PullProgress } from "./pull-progress.ts";
import { type DockerLogin, findCredentials, loginCommand } from "./registry-credentials.ts";

/** What a container needs to know of its image. */
export interface ImageFacts {
  id: string;
  /** Empty: root. */
  user: string;
  /** `NAME=value`, as the image sets it. */
  env: string[];
  /** TCP ports that it says it listens on. */
  ports: number[];
  hasHealthcheck: boolean;
}

/** The image cannot be had: a result of the job, not a fault of the machine. `message` is for people, with a hint. */
export class ImagePullError extends Error {}

/** An image, and of which platform; undefined: whichever the engine takes. */
type Wanted = Pick<Image, "name" | "platform">;

interface Pull {
  done: Promise<void>;
  listeners: Set<(line: string) => void>;
  stop: AbortController;
}

/** The engine's images as jobs see them. A pull is shared by all who wait for the same image; inspections are remembered. */
export class JobImages {
  readonly #engine: Engine;
  readonly #login: DockerLogin | undefined;
  readonly #facts = new Map<string, Promise<ImageFacts | undefined>>();
  readonly #pulls = new Map<string, Pull>();

  /** Without `login`, images are pulled without credentials. */
  constructor(engine: Engine, login?: DockerLogin) {
    this.#engine = engine;
    this.#login = login;
  }

  /**
   * Finds or pulls the image by its policy. Throws ImagePullError, DOCKER_UNREACHABLE, DOCKER_FAILED; the signal's
   * reason when aborted, and then the pull ends unless others wait for it.
   */
  async ensure(image: Image, onProgress: (line: string) => void, signal: AbortSignal): Promise<ImageFacts> {
    const name = withTag(image.name);
    const isPulled = image.pullPolicy === "always" || image.pullPolicy === "always-else-present";
    if (!isPulled) {
      const found = await this.#inspect(image);
      if (found !== undefined) return found;
      if (image.pullPolicy === "never") {
        throw new ImagePullError(
          `The image ${name}${ofPlatform(image)} is not on this machine and its pull_policy is "never". Build or pull it, or use if-not-present.`,
        );
      }
    }
    try {
      await this.#pull(image, onProgress, signal);
    } catch (error) {
      const isThere = image.pullPolicy === "always-else-present" && (await this.#inspect(image));
      if (!(error instanceof ImagePullError) || !isThere) throw error;
      onProgress(`warning: ${error.message} The image that is on this machine is used.`);
      return isThere;
    }
    this.forget(image);
    const pulled = await this.#inspect(image);
    if (pulled === undefined)
      throw new ImagePullError(`The image ${name}${ofPlatform(image)} was pulled but is not there.`);
    return pulled;
  }

  /** The image as it is on this machine; undefined: it is not. Throws DOCKER_UNREACHABLE, DOCKER_FAILED. */
  async find(name: string): Promise<ImageFacts | undefined> {
    return await this.#inspect({ name });
  }

  /** After the engine said that an image is gone. */
  forget(image: Wanted): void {
    this.#facts.delete(keyOf(image));
  }

  #inspect(image: Wanted): Promise<ImageFacts | undefined> {
    const key = keyOf(image);
    let facts = this.#facts.get(key);
    if (facts === undefined) {
      facts = this.#inspectNow(image);
      this.#facts.set(key, facts);
      const drop = () => this.#facts.delete(key);
      facts.then((found) => found ?? drop(), drop);
    }
    return facts;
  }

  /** The engine keeps one image of a name; one of another platform is not the one that is wanted. */
  async #inspectNow(wanted: Wanted): Promise<ImageFacts | undefined> {
    const name = withTag(wanted.name);
    const answer = this.#engine.docker.getImage(name).inspect();
    const image = await askLeniently(this.#engine.host, `inspect the image ${name}`, answer, [404, 400]);
    if (image === undefined || !isOfPlatform(image, wanted.platform)) return undefined;
    const { User, Env, ExposedPorts = {}, Healthcheck } = image.Config ?? {};
    const test = (Healthcheck as { Test?: string[] } | undefined)?.Test ?? [];
    return {
      id: image.Id,
      user: User ?? "",
      env: Env ?? [],
      ports: tcpPorts(ExposedPorts ?? {}),
      hasHealthcheck: test.length > 0 && test[0] !== "NONE",
    };
  }

  async #pull(image: Wanted, onProgress: (line: string) => void, signal: AbortSignal): Promise<void> {
    const key = keyOf(image);
    let pull = this.#pulls.get(key);
    if (pull === undefined) {
      pull = { done: Promise.resolve(), listeners: new Set(), stop: new AbortController() };
      pull.done = this.#pullNow(image, pull).finally(() => this.#pulls.delete(key));
      pull.done.catch(() => {});
      this.#pulls.set(key, pull);
    }
    pull.listeners.add(onProgress);
    try {
      await orAbort(pull.done, signal);
    } finally {
      pull.listeners.delete(onProgress);
      if (pull.listeners.size === 0) {
        pull.stop.abort();
        if (this.#pulls.get(key) === pull) this.#pulls.delete(key);
      }
    }
  }

  async #pullNow(image: Wanted, pull: Pull): Promise<void> {
    const name = withTag(image.name);
    const tell = (line: string) => {
      for (const listener of pull.listeners) listener(line);
    };
    await Promise.resolve();
    tell(`Pulling ${name}`);
    const progress = new PullProgress(name, performance.now());
    try {
      const stream = await this.#request(image, tell, pull.stop.signal);
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

  /**
   * Asks the engine to pull, with the user's credentials where there are some. Asked directly: dockerode puts them into
   * the URL as well.
   */
  async #request(image: Wanted, tell: (line: string) => void, abortSignal: AbortSignal): Promise<Readable> {
    const name = withTag(image.name);
    const found = this.#login === undefined ? {} : await findCredentials(this.#login, name, abortSignal);
    if (found.problem !== undefined) tell(`Pulling without credentials: ${found.problem}`);
    const authconfig = found.credentials;
    return (await callEngine(this.#engine, {
      path: "/images/create?",
      method: "POST",
      options: {
        _query: { fromImage: name, ...(image.platform !== undefined && { platform: image.platform }) },
        _body: {},
      },
      ...(authconfig !== undefined && { authconfig }),
      abortSignal,
      isStream: true,
      statusCodes: { 200: true },
    })) as Readable;
  }
}

function keyOf({ name, platform = "" }: Wanted): string {
  return `${withTag(name)} ${platform}`;
}

function ofPlatform({ platform }: Wanted): string {
  return platform === undefined ? "" : ` for ${platform}`;
}

/** An image that says nothing of its variant may be of any. */
function isOfPlatform(image: Dockerode.ImageInspectInfo, platform: string | undefined): boolean {
  if (platform === undefined) return true;
  const [os, architecture, variant] = platform.split("/");
  const own = (image as { Variant?: string }).Variant || undefined;
  return (
    image.Os === os &&
    image.Architecture === architecture &&
    (variant === undefined || own === undefined || own === variant)
  );
}

/** Of `{"5432/tcp": {}}`. */
function tcpPorts(exposed: Record<string, unknown>): number[] {
  return Object.keys(exposed).flatMap((port) => {
    const [, number] = /^(\d+)(?:\/tcp)?$/.exec(port) ?? [];
    return number === undefined ? [] : [Number(number)];
  });
}

/** Docker pulls every tag of a name that has none. */
export function withTag(name: string): string {
  const last = name.slice(name.lastIndexOf("/") + 1);
  return last.includes(":") || last.includes("@") ? name : `${name}:latest`;
}

function pullFailure(name: string, reason: string): string {
  return `The image ${name} could not be pulled: ${reason.replace(/\s+/g, " ").trim()}. ${pullHint(name, reason)}`;
}

/** Registries answer alike for what is not there and for what may not be seen. */
function pullHint(name: string, reason: string): string {
  if (/denied|unauthorized|authentication|credentials|incorrect username/i.test(reason)) {
    return `Check the image's name and tag; for a private image, log in with \`${loginCommand(name)}\` first.`;
  }
  return /not found|manifest unknown|does not exist/i.test(reason)
    ? "Check the image's name and tag."
    : "Check that the registry can be reached from the Docker engine.";
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
