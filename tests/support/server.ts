import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { binary } from "./binary.ts";

interface Options {
  /** `postgres://...`; by default the embedded database of the server's own state directory. */
  database?: string;
  environment?: Record<string, string>;
}

/**
 * A `cicd serve` process that runs jobs in the shell, with a state directory of its own, and its administrator's token. Its
 * address and state stay over restarts.
 */
export class ServerProcess implements AsyncDisposable {
  url = "";
  token = "";
  #child: Subprocess<"ignore", "ignore", "pipe"> | undefined;
  /** What it said since it last started. */
  log = "";

  private constructor(
    private readonly directory: string,
    private readonly path: string,
    private readonly options: Options,
  ) {}

  static async open(options: Options = {}): Promise<ServerProcess> {
    const directory = await mkdtemp(join(tmpdir(), "cicd-server-"));
    const server = new ServerProcess(directory, await binary(), options);
    await server.start();
    return server;
  }

  /** Settings of a client of this server. */
  get client(): { CICD_SERVER: string; CICD_TOKEN: string } {
    return { CICD_SERVER: this.url, CICD_TOKEN: this.token };
  }

  /** Returns when it serves. */
  async start(): Promise<void> {
    const { database, environment = {} } = this.options;
    const listen = this.url === "" ? "127.0.0.1:0" : new URL(this.url).host;
    this.#child = Bun.spawn([this.path, "serve", "--json", "--listen", listen], {
      cwd: this.directory,
      env: {
        PATH: process.env.PATH ?? "",
        HOME: this.directory,
        XDG_STATE_HOME: join(this.directory, "state"),
        XDG_CONFIG_HOME: join(this.directory, "config"),
        LANG: "C.UTF-8",
        TZ: "UTC",
        CICD_EXECUTOR: "shell",
        CICD_GRACE: "2s",
        ...(database === undefined ? {} : { CICD_DATABASE_URL: database }),
        ...environment,
      },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    this.log = "";
    const isUp = Promise.withResolvers<void>();
    void this.#read(this.#child.stderr, isUp.resolve).then(() =>
      isUp.reject(new Error(`cicd serve ended:\n${this.log}`)),
    );
    await isUp.promise;
  }

  /** Ends it with this signal, and returns when it is gone. */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    this.#child?.kill(signal);
    await this.#child?.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Takes the address and the first token from the log; up once the worker is ready, which comes last. */
  async #read(stderr: ReadableStream<Uint8Array>, onReady: () => void): Promise<void> {
    let rest = "";
    for await (const text of stderr.pipeThrough(new TextDecoderStream())) {
      this.log += text;
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const entry = line.startsWith("{") ? JSON.parse(line) : {};
        if (entry.event === "server.started") this.url = entry.url;
        if (entry.event === "token.first") this.token = entry.token;
        if (entry.event === "worker.started") onReady();
      }
    }
  }
}
