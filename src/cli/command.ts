import type { ChildProcess } from "node:child_process";
import type { App } from "../app/app.ts";
import type { DeliveryDesk } from "../app/delivery-desk.ts";
import type { Log } from "../app/log-line.ts";
import type { QueueObserver } from "../app/queue-event.ts";
import type { RemoteService } from "../app/service.ts";
import type { Config } from "../config/config.ts";
import { GLOBAL_FLAGS } from "./common-flags.ts";
import type { FlagDefs, FlagValues } from "./flags.ts";
import type { Interrupts } from "./interrupts.ts";
import type { Output } from "./output.ts";
import type { Services } from "./services.ts";

/** What `main` gives to the command line. */
export interface Host {
  version: string;
  /**
   * Starts this cicd again in a session of its own, without a terminal, its output appended to `logFile`. `variables` are
   * set on top of the environment: what may hold a password is never an argument.
   */
  startDetached(args: string[], variables: Record<string, string>, logFile: string): ChildProcess;
  /** The process was started to survive its terminal. */
  isHangupIgnored(): boolean;
  loadConfig(flags: ConfigFlags): Config;
  /** To `serve` is to do what others ask for: what they name is not trusted. */
  createApp(config: Config, purpose: "person" | "serve"): App;
  /** The configured server. Nothing is sent before it is first asked. */
  connect(config: Config, app: App, tell: Tell): Promise<RemoteService>;
  /** Throws LISTEN_FAILED. */
  openServer(
    app: App,
    config: Config,
    options: { hasWorker: boolean; deliveries: DeliveryDesk; log: Log },
  ): Promise<ServerFace>;
}

/** For people, one sentence each. `detail`: only where more is wanted. */
export interface Tell {
  note(text: string): void;
  detail(text: string): void;
  warn(text: string): void;
}

/** An HTTP server that listens. Disposing ends its streams, then the server. */
export interface ServerFace extends AsyncDisposable {
  /** As it listens; at every address: by the name of this host. */
  url: string;
  /** It says that it is about to end; requests are answered on. */
  drain(): void;
  /** What the loops of this process do, for its figures: the work on the queue, and the others by the names of their log lines. */
  observe: QueueObserver;
  count(event: string): void;
}

type ConfigFlags = Parameters<typeof import("../config/load-config.ts").loadConfig>[1];

export interface CommandContext<F extends FlagDefs> extends Services {
  flags: FlagValues<F & typeof GLOBAL_FLAGS>;
  positionals: string[];
  host: Host;
  config: Config;
  app: App;
  output: Output;
  interrupts: Interrupts;
  /** Aborts when the user interrupts or nobody reads stdout any more. */
  signal: AbortSignal;
}

export interface CicdCommand<F extends FlagDefs = FlagDefs> {
  /** What stands behind the name in the help: `[ls|get [PATH]...]`. */
  positionals?: { usage: string; max: number };
  flags: F;
  /** Further paragraphs of the help. */
  details?: string;
  examples: string[];
  /** It ends by itself, however often it is interrupted; others are ended by the second interrupt. */
  endsItself?: boolean;
  /** It works until it is told to end, by a signal: that is its success, and it too ends itself. */
  isService?: boolean;
  /** Returns the exit status; nothing is 0. */
  run(context: CommandContext<F>): Promise<number | undefined>;
}

export function defineCicdCommand<const F extends FlagDefs>(command: CicdCommand<F>): CicdCommand<F> {
  return command;
}

export function allFlags<F extends FlagDefs>(command: CicdCommand<F>): F & typeof GLOBAL_FLAGS {
  return { ...command.flags, ...GLOBAL_FLAGS };
}
