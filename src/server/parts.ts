import type { App, ExecutorKind } from "../app/app.ts";
import type { DeliveryDesk } from "../app/delivery-desk.ts";
import type { Log } from "../app/log-line.ts";
import type { TokenRecord } from "../run/registry.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { Metrics } from "./metrics.ts";
import type { BodyTimes } from "./read-body.ts";
import type { Readiness } from "./readiness.ts";
import type { Slots } from "./slots.ts";

/** What the server is made of and goes by. */
export interface ServerOptions {
  app: App;
  version: string;
  /** What queued runs are run by. */
  executor: ExecutorKind;
  /** This process also works on the queue: it is not ready without its executor. */
  hasWorker: boolean;
  publicUrl: string | undefined;
  /** `NAME` or `NAME:PORT` that requests may ask for, besides the server's own. */
  allowedHosts: string[];
  /** Takes the events of repositories' hosts. */
  deliveries: DeliveryDesk;
  log: Log;
  metrics: Metrics;
  limits: ServerLimits;
}

export interface ServerLimits {
  /** Event streams at a time, and uploads. */
  streams: number;
  streamsPerToken: number;
  uploads: number;
  /** Requests whose pipeline files are judged or wait for it, at a time; and how long each may wait and take. */
  judging: number;
  judgeMs: number;
  body: BodyTimes;
  keepAliveMs: number;
  /** Bytes of bodies that are held in memory at a time: of webhooks, and of all other requests. */
  webhookBytes: number;
  bodyBytes: number;
  /** In which something has to move on a connection that is not waited for. */
  idleSeconds: number;
  /** An answer of which the client takes nothing for so long is cut. */
  stallMs: number;
}

export const SERVER_LIMITS: ServerLimits = {
  streams: 1_000,
  streamsPerToken: 200,
  uploads: 16,
  judging: 8,
  judgeMs: 30_000,
  webhookBytes: 64 * 1024 * 1024,
  bodyBytes: 192 * 1024 * 1024,
  // Shorter than a connection may stand still, so that there is an answer.
  body: { wholeMs: 20_000, stallMs: 60_000 },
  idleSeconds: 30,
  keepAliveMs: 15_000,
  stallMs: 600_000,
};

/** What a handler works with, beside its input. */
export interface Context extends ServerOptions {
  request: Request;
  /** Null where the route wants none. */
  token: TokenRecord | null;
  /** Aborted when the client has left. */
  signal: AbortSignal;
  /** Aborted when the server is about to end. */
  draining: AbortSignal;
  /** Aborted when the server ends: streams are to end then, so that clients come again. */
  closing: AbortSignal;
  readiness: Readiness;
  streams: Slots;
  uploads: Slots;
  judging: Slots;
  webhookBodies: ByteBudget;
  bodies: ByteBudget;
  /** The server's own address as people reach it, without a slash at its end. */
  baseUrl: string;
  /** Of this request: no time-out while nothing moves. */
  mayIdle(): void;
}
