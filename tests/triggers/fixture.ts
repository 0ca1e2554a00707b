import { createHmac, randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { AnswerOf } from "../../src/api/routes.ts";
import type { App } from "../../src/app/app.ts";
import { DeliveryDesk } from "../../src/app/delivery-desk.ts";
import type { LogLine } from "../../src/app/log-line.ts";
import { addRepository } from "../../src/app/repositories.ts";
import { composeApp } from "../../src/compose-app.ts";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import type { RunRecord } from "../../src/run/records.ts";
import { Metrics } from "../../src/server/metrics.ts";
import { openServer, type RunningServer } from "../../src/server/open-server.ts";
import { SERVER_LIMITS } from "../../src/server/parts.ts";

export const never = new AbortController().signal;
export const EXECUTOR = "shell" as const;

/** One job that asks for no image: nothing here is run. */
export function pipeline(name: string, on: string, job = ""): string {
  return `name: ${name}\non: ${on}\njobs: { a: { stage: build, script: ls${job} } }\n`;
}

/** A repository as a host keeps it, changed in the place where it lies. */
export class Upstream {
  constructor(readonly path: string) {
    mkdirSync(path, { recursive: true });
    this.git("init", "-q", "-b", "main");
  }

  get url(): string {
    return `file://${this.path}`;
  }

  git(...args: string[]): string {
    const identity = [
      "-c",
      "user.name=T",
      "-c",
      "user.email=t@example.org",
      "-c",
      "protocol.file.allow=always",
    ];
    const result = Bun.spawnSync(["git", ...identity, ...args], {
      cwd: this.path,
      env: { PATH: process.env.PATH ?? "", HOME: this.path, GIT_CONFIG_NOSYSTEM: "1" },
    });
    if (result.exitCode !== 0) throw new Error(`git ${args.join(" ")}: ${result.stderr}`);
    return result.stdout.toString().trim();
  }

  /** As if its host were away. */
  hide(): void {
    renameSync(this.path, `${this.path}-away`);
  }

  show(): void {
    renameSync(`${this.path}-away`, this.path);
  }

  /** Commits files (null: removed) and returns the commit. */
  commit(files: Record<string, string | null>, message = "Change"): string {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.path, name);
      mkdirSync(dirname(path), { recursive: true });
      if (text === null) rmSync(path);
      else writeFileSync(path, text);
    }
    this.git("add", "-A");
    this.git("commit", "-q", "--allow-empty", "-m", message);
    return this.git("rev-parse", "HEAD");
  }

  pipelines(texts: Record<string, string>, message?: string): string {
    const files = Object.entries(texts).map(([name, text]) => [`.cicd-pipelines/${name}.yml`, text]);
    return this.commit(Object.fromEntries(files), message);
  }
}

/** What a webhook, or a problem, is answered with. */
export interface Answer {
  status: number;
  body: AnswerOf<"webhook"> & { code?: string };
}

/** A server on a database of its own, and a repository that it knows. */
export class Place implements AsyncDisposable {
  readonly log: LogLine[] = [];
  readonly upstream: Upstream;
  readonly app: App;
  readonly desk: DeliveryDesk;
  readonly server: RunningServer;
  readonly config: Config;
  repository = { id: "", secret: "" };

  private constructor(
    readonly root: string,
    database: string,
  ) {
    this.upstream = new Upstream(join(root, "web"));
    const environment = {
      variables: { PATH: process.env.PATH, HOME: join(root, "home"), CICD_STATE_DIR: join(root, "state") },
      ...{ homeDir: join(root, "home"), userName: "t", hostName: "box", cpus: 2 },
      ...{ isTty: { stdout: false, stderr: false }, readFile: () => undefined },
    };
    mkdirSync(environment.homeDir);
    this.config = loadConfig(environment, { database }, () => ({}));
    this.app = composeApp(this.config, environment.variables, "person");
    this.desk = new DeliveryDesk(this.app, this.options);
    this.server = openServer({
      ...{ app: this.app, version: "1.2.3", executor: EXECUTOR, hasWorker: false, publicUrl: undefined },
      ...{ allowedHosts: [], deliveries: this.desk, log: this.options.log, metrics: new Metrics(this.app) },
      ...{ limits: SERVER_LIMITS, listen: { host: "127.0.0.1", port: 0 }, hostName: "box" },
    });
  }

  static async make(texts: Record<string, string>, database?: string): Promise<Place> {
    const root = realpathSync(mkdtempSync(join(tmpdir(), "cicd-triggers-")));
    const place = new Place(root, database ?? `sqlite:${join(root, "cicd.db")}`);
    place.upstream.pipelines(texts);
    const request = { url: place.upstream.url, name: "octo/web", webhookSecret: null };
    const options = { executor: EXECUTOR, baseUrl: place.server.url };
    const { repository, webhookSecret } = await addRepository(place.app, request, options, never);
    place.repository = { id: repository.id, secret: webhookSecret };
    return place;
  }

  get options() {
    return { executor: EXECUTOR, log: (line: LogLine) => void this.log.push(line) };
  }

  /** As GitHub sends it, signed. */
  github(event: string, payload: unknown, options: { delivery?: string; secret?: string } = {}) {
    const body = JSON.stringify(payload);
    return this.send(body, {
      "content-type": "application/json",
      "user-agent": "GitHub-Hookshot/044aadd",
      "x-github-event": event,
      "x-github-delivery": options.delivery ?? randomUUID(),
      "x-hub-signature-256": `sha256=${hmac(options.secret ?? this.repository.secret, body)}`,
    });
  }

  async send(body: string, headers: Record<string, string>, id = this.repository.id): Promise<Answer> {
    const response = await fetch(`${this.server.url}/api/v1/webhooks/${id}`, {
      method: "POST",
      headers,
      body,
    });
    return { status: response.status, body: (await response.json()) as Answer["body"] };
  }

  /** By number. */
  async runs(): Promise<RunRecord[]> {
    const runs = await (await this.app.store()).findRuns({});
    return runs.sort((a, b) => a.pipeline.localeCompare(b.pipeline) || a.number - b.number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.desk[Symbol.asyncDispose]();
    await this.app[Symbol.asyncDispose]();
    rmSync(this.root, { recursive: true, force: true });
  }
}

export function hmac(secret: string, body: string, digest: "hex" | "base64" = "hex"): string {
  return createHmac("sha256", secret).update(body).digest(digest);
}
