import { Sandbox } from "../support/sandbox.ts";
import type { ServerProcess } from "../support/server.ts";

/** Where the commands of a suite go: to this process's own store, or to a server with PostgreSQL. */
export interface Mode {
  readonly kind: "local" | "server";
  /** A repository whose commands go there; jobs run in the shell. */
  open(files: Record<string, string>): Promise<Sandbox>;
}

export const LOCAL: Mode = {
  kind: "local",
  open: (files) => Sandbox.open(files, { CICD_EXECUTOR: "shell", TZ: "UTC" }),
};

/** `server` is asked for when the first test begins. */
export function onServer(server: () => ServerProcess): Mode {
  return { kind: "server", open: (files) => Sandbox.open(files, { ...server().client, TZ: "UTC" }) };
}
