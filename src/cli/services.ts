import type { App } from "../app/app.ts";
import type { RemoteService, Service } from "../app/service.ts";
import type { Config } from "../config/config.ts";
import type { Host } from "./command.ts";
import type { Output } from "./output.ts";
import { refuseWithServer } from "./server-flags.ts";

/** Whom a command asks: made when first asked for, once. */
export interface Services {
  /** Where runs are recorded: the configured server, or this process with its own store. */
  service(): Promise<Service>;
  /** The configured server; undefined: everything happens here. */
  remote(): Promise<RemoteService | undefined>;
}

export function createServices(
  host: Host,
  config: Config,
  app: App,
  output: Output,
  flags: { database: string | undefined },
): Services {
  let remote: Promise<RemoteService | undefined> | undefined;
  let service: Promise<Service> | undefined;
  const connect = async () => {
    if (config.server === undefined) return undefined;
    return host.connect(config, app, {
      note: (text) => output.note(text),
      detail: (text) => output.verbose && output.note(text),
      warn: (text) => output.warn(text),
    });
  };
  const askRemote = () => (remote ??= connect());
  const open = async () => {
    const connected = await askRemote();
    refuseWithServer(connected, { "--database": flags.database });
    if (connected !== undefined) return connected;
    const { LocalService } = await import("../app/local-service.ts");
    return new LocalService(app, { actor: config.actor });
  };
  return {
    remote: askRemote,
    service: () => (service ??= open()),
  };
}
