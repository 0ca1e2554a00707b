import type { App } from "./app/app.ts";
import type { DeliveryDesk } from "./app/delivery-desk.ts";
import type { Log } from "./app/log-line.ts";
import type { ServerFace } from "./cli/command.ts";
import type { Config } from "./config/config.ts";
import { Metrics } from "./server/metrics.ts";
import { checkListenHost, openServer } from "./server/open-server.ts";
import { SERVER_LIMITS } from "./server/parts.ts";

/** The server of `cicd serve`: it listens when this returns. Throws LISTEN_FAILED. */
export async function composeServer(
  app: App,
  { team, hostName, executor }: Config,
  options: { version: string; hasWorker: boolean; deliveries: DeliveryDesk; log: Log },
): Promise<ServerFace> {
  await checkListenHost(team.listen.host);
  const metrics = new Metrics(app);
  const server = openServer({
    app,
    ...options,
    executor: executor ?? "docker",
    listen: team.listen,
    hostName,
    publicUrl: team.publicUrl,
    allowedHosts: team.allowedHosts,
    metrics,
    limits: SERVER_LIMITS,
  });
  return {
    url: server.url,
    drain: () => server.drain(),
    observe: (event) => metrics.observe(event),
    count: (event) => metrics.count(event),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
