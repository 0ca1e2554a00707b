import { messageOf } from "../errors/cicd-error.ts";
import { pause } from "../run/persist.ts";
import type { App } from "./app.ts";
import type { DeliveryDesk } from "./delivery-desk.ts";
import { refreshRepository } from "./repositories.ts";
import { type FirstFailures, runSchedules } from "./run-schedules.ts";
import type { TriggerOptions } from "./trigger-runs.ts";

const ROUND_MS = 5_000;
const REFRESH_MS = 60 * 60_000;
const REFRESH_LIMIT_MS = 100_000;
/** A delivery that comes again after that long would be taken for a new one, were it not for its runs. */
const FORGET_MS = 90 * 24 * 60 * 60_000;

/**
 * What a server does about triggers until `signal` is aborted: every 5 seconds it takes up events that nobody has acted upon and
 * runs the schedules that fell due; every hour, and at first, it reads default branches and schedules anew. Any number of servers
 * may do so on one database. What fails is logged and tried again.
 */
export async function watchTriggers(
  app: App,
  desk: DeliveryDesk,
  options: TriggerOptions,
  signal: AbortSignal,
): Promise<void> {
  const attempt = async (what: string, act: () => Promise<void>) => {
    try {
      await act();
    } catch (error) {
      if (signal.aborted) return;
      const text = `${what} failed, and is tried again: ${messageOf(error)}`;
      options.log({ level: "warn", event: "triggers.failed", text, fields: {} });
    }
  };
  const failures: FirstFailures = new Map();
  let refreshing = Promise.resolve();
  // A host that does not answer holds up neither the rounds nor the end of the hour.
  let scheduling: Promise<void> | undefined;
  let refreshedAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    if (performance.now() - refreshedAt >= REFRESH_MS) {
      refreshedAt = performance.now();
      refreshing = attempt("reading the repositories anew", () => refreshAll(app, options, signal));
    }
    desk.wake();
    scheduling ??= attempt("running schedules", () => runSchedules(app, failures, options, signal)).finally(
      () => {
        scheduling = undefined;
      },
    );
    await pause(ROUND_MS, signal);
  }
  await Promise.all([refreshing, scheduling]);
}

async function refreshAll(app: App, options: TriggerOptions, signal: AbortSignal): Promise<void> {
  const registry = await app.registry();
  await registry.forgetDeliveries(FORGET_MS);
  for (const repository of await registry.listRepositories()) {
    if (signal.aborted) return;
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(REFRESH_LIMIT_MS)]);
      await refreshRepository(app, repository, options, limit);
    } catch (error) {
      const text = `The schedules of ${repository.name} cannot be read anew: ${messageOf(error)}`;
      options.log({ level: "warn", event: "schedules.stale", text, fields: { repository: repository.id } });
    }
  }
}
