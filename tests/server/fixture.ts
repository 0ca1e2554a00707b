import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { PROBLEM, type Problem } from "../../src/api/problem.ts";
import type { Route } from "../../src/api/route.ts";
import { type AnswerOf, ROUTES, type RouteName } from "../../src/api/routes.ts";
import type { App } from "../../src/app/app.ts";
import { DeliveryDesk } from "../../src/app/delivery-desk.ts";
import type { LogLine } from "../../src/app/log-line.ts";
import { createToken } from "../../src/app/tokens.ts";
import { composeApp } from "../../src/compose-app.ts";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import type { Plan } from "../../src/plan/plan.ts";
import type { Lease, Outcome } from "../../src/run/records.ts";
import type { Role } from "../../src/run/registry.ts";
import type { NewRun } from "../../src/run/store.ts";
import { Metrics } from "../../src/server/metrics.ts";
import { openServer, type RunningServer } from "../../src/server/open-server.ts";
import { SERVER_LIMITS, type ServerLimits } from "../../src/server/parts.ts";
import { SUCCESS } from "../contract/store/acts.ts";
import { newRun } from "../support/plans.ts";

export interface Asked {
  method?: string;
  /** Instead of the admin's token; null: none. */
  token?: string | null;
  query?: string;
  headers?: Record<string, string>;
  /** Sent as JSON, unless it is bytes or text already. */
  body?: unknown;
}

/** A real server over a real database in a directory of its own; what it logs is kept. */
export class ServerFixture implements AsyncDisposable {
  readonly app: App;
  readonly config: Config;
  readonly logged: LogLine[] = [];
  server!: RunningServer;
  private readonly directory = mkdtempSync(join(tmpdir(), "cicd-server-"));
  private readonly tokens = new Map<Role, string>();
  private deliveries!: DeliveryDesk;
  private limits: ServerLimits = SERVER_LIMITS;

  private constructor(setting: Record<string, string>) {
    const { directory } = this;
    const variables = { PATH: process.env.PATH, CICD_STATE_DIR: join(directory, "state"), ...setting };
    const environment = {
      variables,
      homeDir: directory,
      userName: "test",
      hostName: "test",
      cpus: 2,
      isTty: { stdout: false, stderr: false },
      readFile: () => undefined,
    };
    this.config = loadConfig(environment, {}, () => ({}));
    this.app = composeApp(this.config, variables, "serve");
  }

  static async open(
    options: { setting?: Record<string, string>; limits?: Partial<ServerLimits> } = {},
  ): Promise<ServerFixture> {
    const fixture = new ServerFixture(options.setting ?? {});
    fixture.limits = { ...SERVER_LIMITS, ...options.limits };
    for (const role of ["read", "run", "admin"] as const) {
      const { token } = await createToken(fixture.app, { name: role, role, expiresInMs: null });
      fixture.tokens.set(role, token);
    }
    fixture.listen(0);
    return fixture;
  }

  private listen(port: number): void {
    const { app, config } = this;
    const log = (line: LogLine) => void this.logged.push(line);
    this.deliveries = new DeliveryDesk(app, { executor: "shell", log });
    this.server = openServer({
      app,
      version: "1.2.3",
      executor: "shell",
      hasWorker: false,
      publicUrl: config.team.publicUrl,
      allowedHosts: config.team.allowedHosts,
      deliveries: this.deliveries,
      log,
      metrics: new Metrics(app),
      limits: this.limits,
      listen: { host: "127.0.0.1", port },
      hostName: config.hostName,
    });
  }

  get url(): string {
    return this.server.url;
  }

  /** Another server at the same address, as after a restart. */
  async restart(): Promise<void> {
    const { port } = new URL(this.url);
    await this.server[Symbol.asyncDispose]();
    this.listen(Number(port));
  }

  token(role: Role): string {
    return this.tokens.get(role)!;
  }

  fetch(path: string, { method, token, query, headers, body }: Asked = {}): Promise<Response> {
    const isPlain = body === undefined || typeof body === "string" || body instanceof Uint8Array;
    const bearer = token === undefined ? this.token("admin") : token;
    return fetch(`${this.url}${path}${query === undefined ? "" : `?${query}`}`, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: {
        ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: (isPlain ? body : JSON.stringify(body)) as string }),
    });
  }

  /** A route's answer, checked against its schema; fails for anything but success. */
  async ask<N extends RouteName>(
    name: N,
    asked: Asked & { params?: Record<string, string> } = {},
  ): Promise<AnswerOf<N>> {
    const route: Route = ROUTES[name];
    const response = await this.fetch(pathOf(route, asked.params), { method: route.method, ...asked });
    const text = await response.text();
    if (response.status !== route.response.status) throw new Error(`${name}: ${response.status} ${text}`);
    if (route.response.kind !== "json") return undefined as unknown as AnswerOf<N>;
    return v.parse(strict(route.response.schema), JSON.parse(text)) as AnswerOf<N>;
  }

  /** The problem that a request is answered with; fails where it is none. */
  async refusal(path: string, asked: Asked = {}): Promise<Problem & { headers: Headers }> {
    const response = await this.fetch(path, asked);
    const text = await response.text();
    if (response.headers.get("content-type") !== "application/problem+json") {
      throw new Error(`no problem: ${response.status} ${text}`);
    }
    const problem = v.parse(PROBLEM, JSON.parse(text));
    if (problem.status !== response.status) throw new Error(`${problem.status} is not ${response.status}`);
    return { ...problem, headers: response.headers };
  }

  async record(plan: Plan, change: Partial<NewRun> = {}): Promise<string> {
    const store = await this.app.store();
    const { id } = await store.createRun(newRun(this.app.newId(), plan, { executor: "shell", ...change }));
    return id;
  }

  /** Starts the next job of a run. */
  async begin(runId: string): Promise<Lease> {
    const store = await this.app.store();
    const scope = { kind: "runs" as const, runIds: [runId] };
    const lease = await store.claimJob({ worker: "w", token: this.app.newId(), leaseMs: 60_000, scope });
    if (lease === undefined) throw new Error("no job is pending");
    await store.execute(runId, { type: "start", lease, containerName: "c" });
    return lease;
  }

  async say({ jobId, attempt }: Lease, offset: number, bytes: Uint8Array): Promise<void> {
    await (await this.app.store()).appendLog({ jobId, attempt, offset, bytes });
  }

  async end(lease: Lease, outcome: Partial<Outcome> = {}): Promise<void> {
    const whole: Outcome = { ...SUCCESS, ...outcome };
    await (await this.app.store()).execute(lease.runId, { type: "finish", lease, outcome: whole });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.deliveries[Symbol.asyncDispose]();
    await this.app[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function pathOf(route: Route, params: Record<string, string> = {}): string {
  return route.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? name));
}

/** Answers may hold nothing that the schema does not describe. */
function strict(schema: v.GenericSchema): v.GenericSchema {
  const { type, entries } = schema as unknown as { type: string; entries?: v.ObjectEntries };
  return type === "object" && entries !== undefined ? v.strictObject(entries) : schema;
}

export interface Message {
  event: string;
  id: string | undefined;
  data: unknown;
}

/** The messages of an event stream, and how many comments stood between them. */
export async function* readStream(
  response: Response,
  onComment: () => void = () => {},
): AsyncGenerator<Message> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of response.body!) {
    text += decoder.decode(bytes, { stream: true });
    for (let at = text.indexOf("\n\n"); at >= 0; at = text.indexOf("\n\n")) {
      const block = text.slice(0, at);
      text = text.slice(at + 2);
      if (block.startsWith(":")) onComment();
      const fields = new Map(
        block.split("\n").map((line) => [line.split(": ")[0], line.slice(line.indexOf(": ") + 2)]),
      );
      const event = fields.get("event");
      if (event !== undefined) yield { event, id: fields.get("id"), data: JSON.parse(fields.get("data")!) };
    }
  }
}
