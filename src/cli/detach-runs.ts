import { readFileSync } from "node:fs";
import { join } from "node:path";
import { toRunSummaryJson } from "../app/shapes.ts";
import { pollUntil } from "../app/wait.ts";
import { CicdError } from "../errors/cicd-error.ts";
import type { RunRecord } from "../run/records.ts";
import type { CommandContext } from "./command.ts";
import type { FlagDefs } from "./flags.ts";
import { tellDetached } from "./tell-detached.ts";

const TAKEOVER_MS = 15_000;

/**
 * Hands prepared runs to a process of their own: another session without a terminal, so that closing this one's does not
 * end it. Returns when that process has taken them over; throws INTERNAL with its last words when it has not.
 */
export async function detachRuns(
  context: Pick<CommandContext<FlagDefs>, "app" | "config" | "host" | "output" | "signal"> & {
    flags: { database: string | undefined };
  },
  runs: RunRecord[],
): Promise<number> {
  const { app, config, host, output } = context;
  const logFile = join(config.stateDir, "detached.log");
  const variables = context.flags.database === undefined ? {} : { CICD_DATABASE_URL: context.flags.database };
  const args = ["drive-detached", ...runs.map(({ id }) => id), `--jobs=${config.maxParallelJobs}`, "--local"];
  const child = host.startDetached(args, variables, logFile);
  let hasEnded = false;
  child.once("error", () => (hasEnded = true));
  child.once("exit", () => (hasEnded = true));
  child.unref();
  const store = await app.store();
  const isTakenOver = async () => {
    if (hasEnded) return true;
    const owners = await Promise.all(runs.map(async ({ id }) => (await store.readRun(id))?.run.owner?.pid));
    return owners.every((pid) => pid !== process.pid);
  };
  const inTime = await pollUntil(store, TAKEOVER_MS, new AbortController().signal, isTakenOver);
  const owners = await Promise.all(runs.map(async ({ id }) => (await store.readRun(id))?.run.owner?.pid));
  if (!inTime || owners.includes(process.pid)) {
    for (const { id } of runs) await store.execute(id, { type: "request_cancel", actor: "detach" });
    throw new CicdError("INTERNAL", "the process in the background did not take the runs over", {
      hint: `its last words, in ${logFile}: ${lastLine(logFile)}`,
    });
  }
  return tellDetached(
    output,
    runs.map((run) => toRunSummaryJson(run, app.now())),
  );
}

function lastLine(file: string): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").at(-1)?.slice(0, 500) ?? "";
}
