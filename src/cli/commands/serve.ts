import type { App } from "../../app/app.ts";
import { DeliveryDesk } from "../../app/delivery-desk.ts";
import { describeQueueEvent } from "../../app/describe-queue-event.ts";
import type { Log, LogLine } from "../../app/log-line.ts";
import type { QueueEvent } from "../../app/queue-event.ts";
import { reapQueue } from "../../app/reap.ts";
import { isWildcard } from "../../app/server-address.ts";
import { TIDY_TIMES, tidyFiles } from "../../app/tidy-files.ts";
import { createFirstToken } from "../../app/tokens.ts";
import { watchTriggers } from "../../app/watch-triggers.ts";
import { workQueue } from "../../app/work-queue.ts";
import type { Config } from "../../config/config.ts";
import { toDuration } from "../../config/settings.ts";
import { EXIT } from "../../errors/codes.ts";
import { defineCicdCommand, type ServerFace } from "../command.ts";
import { EXECUTION_FLAGS, WORKER_FLAGS } from "../common-flags.ts";
import type { Output } from "../output.ts";
import { refuseServer } from "../server-flags.ts";
import { workerSettings } from "../worker-settings.ts";
import { writeLogLines } from "../write-log-lines.ts";

const LONGEST_DRAIN_MS = 24 * 3_600_000;

export default defineCicdCommand({
  flags: {
    listen: {
      kind: "string",
      value: "HOST:PORT",
      summary: "where it listens (also CICD_LISTEN; default: 127.0.0.1:7878)",
    },
    "no-worker": { kind: "boolean", summary: "run no jobs here: workers on other hosts do" },
    ...WORKER_FLAGS,
    ...EXECUTION_FLAGS,
    "drain-timeout": {
      kind: "string",
      value: "DURATION",
      summary: "how long the first SIGTERM waits for running jobs (default: not at all)",
    },
  },
  details: `Serves the API, queues runs, fires triggers and schedules, and runs jobs. Without --database all is kept in an
embedded database on this host. The first start prints an administrator's token, once. The first
SIGTERM ends it: jobs that run go on and are taken up by the next start; a second one kills it.`,
  examples: [
    "cicd serve",
    "cicd serve --listen :7878 --database postgres://cicd@db.example.org/cicd --shared s3://cicd",
    "cicd serve --no-worker --json",
  ],
  isService: true,
  async run({ flags, app, config, host, interrupts, output }) {
    refuseServer(flags, "serve");
    using _impatience = interrupts.listen((count) => {
      if (count > 1) process.exit(EXIT.interrupted);
    });
    const drain = flags["drain-timeout"];
    const drainTimeoutMs =
      drain === undefined ? 0 : toDuration({ text: drain, origin: "--drain-timeout" }, LONGEST_DRAIN_MS);
    const log = writeLogLines(output, app.now);
    const hasWorker = !flags["no-worker"];
    const triggers = {
      executor: config.executor ?? "docker",
      log: (line: LogLine) => {
        face?.count(line.event);
        log(line);
      },
    } as const;
    let face: ServerFace | undefined;
    const store = await app.store();
    await using deliveries = new DeliveryDesk(app, triggers);
    await using server = await host.openServer(app, config, { hasWorker, deliveries, log });
    face = server;
    await announce(server, app, config, { log, output, version: host.version, hasWorker });
    const over = new AbortController();
    const signal = AbortSignal.any([interrupts.signal, over.signal]);
    signal.addEventListener("abort", () => server.drain(), { once: true });
    const loops = [
      watchTriggers(app, deliveries, triggers, signal),
      tidyFiles(app, TIDY_TIMES, (event) => tell(event, server, log), signal),
      ...(hasWorker
        ? [work(app, config, { server, log, version: host.version, drainTimeoutMs }, signal)]
        : [reapQueue(store, (event) => tell(event, server, log), signal)]),
      ended(signal),
    ];
    try {
      await Promise.all(loops);
    } finally {
      over.abort();
      await Promise.allSettled(loops);
      log({ level: "info", event: "server.stopped", text: "the server ends", fields: {} });
    }
    return undefined;
  },
});

function tell(event: QueueEvent, server: ServerFace, log: Log): void {
  server.observe(event);
  log(describeQueueEvent(event));
}

function work(
  app: App,
  config: Config,
  parts: { server: ServerFace; log: Log; version: string; drainTimeoutMs: number },
  signal: AbortSignal,
): Promise<void> {
  const { version, drainTimeoutMs } = parts;
  const observe = (event: QueueEvent) => tell(event, parts.server, parts.log);
  const options = {
    ...workerSettings(config),
    version,
    drainTimeoutMs,
    handOver: new AbortController().signal,
    observe,
  };
  return workQueue(app, options, signal);
}

/** Says where it serves, warns where others reach it, and shows the first token there is. */
async function announce(
  { url }: ServerFace,
  app: App,
  { team, hostName }: Config,
  { log, output, version, hasWorker }: { log: Log; output: Output; version: string; hasWorker: boolean },
): Promise<void> {
  const { kind, location } = await (await app.store()).describe();
  log({
    level: "info",
    event: "server.started",
    text: `cicd ${version} serves at ${url}${hasWorker ? "" : ", without a worker"}; database: ${location}`,
    fields: { version, url, database: kind, worker: hasWorker ? "yes" : "no" },
  });
  if (!/^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(team.listen.host)) {
    log({
      level: "warn",
      event: "server.reachable",
      text: `it is reachable from other hosts${namesOf(team, hostName)}; put a proxy with TLS before it, and name it in CICD_PUBLIC_URL`,
      fields: { host: team.listen.host },
    });
  }
  const first = await createFirstToken(app);
  if (first === undefined) return;
  const { name, role, token } = first;
  const at = new Date(app.now()).toISOString();
  const line = output.json
    ? JSON.stringify({ at, level: "info", event: "token.first", name, role, token })
    : `the first token, of an administrator, shown this once: ${token}`;
  await output.err(`${line}\n`);
}

/** By which names it answers to others, where it listens at every address. */
function namesOf({ listen, publicUrl, allowedHosts }: Config["team"], hostName: string): string {
  if (!isWildcard(listen.host)) return "";
  const further = [...(publicUrl === undefined ? [] : [new URL(publicUrl).host]), ...allowedHosts];
  return `, as ${[hostName, ...further].join(", ")} or by its addresses (other names: CICD_ALLOWED_HOSTS)`;
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
