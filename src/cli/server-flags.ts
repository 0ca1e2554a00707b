import type { RemoteService } from "../app/service.ts";
import { CicdError } from "../errors/cicd-error.ts";

/** Throws USAGE for `--server` with what works on the database itself, whatever server the settings name. */
export function refuseServer(flags: { server: string | undefined }, command: string): void {
  if (flags.server === undefined) return;
  throw new CicdError("USAGE", `--server means nothing to cicd ${command}: it works on the database`, {
    hint: "name the database: --database",
  });
}

/** Throws USAGE for a flag that was given although a server is asked, where its operator decides about such things. */
export function refuseWithServer(remote: RemoteService | undefined, given: Record<string, unknown>): void {
  if (remote === undefined) return;
  const flag = Object.keys(given).find((name) => given[name] !== undefined);
  if (flag === undefined) return;
  throw new CicdError("USAGE", `${flag} means nothing to a server: its operator decides`, {
    hint: "leave it out, or do without the server: --local",
  });
}
