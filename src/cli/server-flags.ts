import type { RemoteService } from "../app/service.ts";
import { CicdError } from "../errors/cicd-error.ts";

/** Throws USAGE for a flag that was given although a server is asked, where its operator decides about such things. */
export function refuseWithServer(remote: RemoteService | undefined, given: Record<string, unknown>): void {
  if (remote === undefined) return;
  const flag = Object.keys(given).find((name) => given[name] !== undefined);
  if (flag === undefined) return;
  throw new CicdError("USAGE", `${flag} means nothing to a server: its operator decides`, {
    hint: "leave it out, or do without the server: --local",
  });
}
