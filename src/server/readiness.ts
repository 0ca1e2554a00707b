import type { AnswerOf } from "../api/routes.ts";
import type { App, ExecutorKind } from "../app/app.ts";
import { CicdError } from "../errors/cicd-error.ts";

type Part = AnswerOf<"readiness">["parts"][number];

const PATIENCE_MS = 5_000;
/** Whoever asks needs no token: the parts are asked no more often. */
const FRESH_MS = 2_000;

/** Older than anything: forgetting changes nothing, but a database that can only be read refuses it. */
const FOREVER_MS = 1e12;

/** Asks the parts that this server needs whether they answer. */
export class Readiness {
  private asked: { at: number; parts: Promise<Part[]> } | undefined;

  constructor(
    private readonly app: App,
    /** Undefined: this process runs no jobs. */
    private readonly executor: ExecutorKind | undefined,
  ) {}

  async ask(): Promise<Part[]> {
    const now = performance.now();
    if (this.asked === undefined || now - this.asked.at > FRESH_MS)
      this.asked = { at: now, parts: this.askAll() };
    return this.asked.parts;
  }

  private askAll(): Promise<Part[]> {
    const { app, executor } = this;
    const database = async () => (await app.registry()).forgetDeliveries(FOREVER_MS);
    const engine = async () => void (await app.upkeep.askDocker());
    return Promise.all([
      askPart("database", "STORE_UNREACHABLE", database),
      ...(executor === "docker" ? [askPart("docker", "DOCKER_UNREACHABLE", engine)] : []),
    ]);
  }
}

/** `silence`: the code of no answer in time. */
async function askPart(name: string, silence: string, ask: () => Promise<void>): Promise<Part> {
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve(silence), PATIENCE_MS);
  const asking = ask().then(
    () => null,
    (error: unknown) => (error instanceof CicdError ? error.code : "INTERNAL"),
  );
  try {
    const code = await Promise.race([asking, late.promise]);
    return { name, ready: code === null, code };
  } finally {
    clearTimeout(timer);
  }
}
