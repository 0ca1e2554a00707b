import type { AttemptLabels } from "../../run/executor.ts";

const INSTANCE = "cicd.instance";
const RUN = "cicd.run";
const JOB = "cicd.job";
const ATTEMPT = "cicd.attempt";
const PROBE = "cicd.probe";
const OWNER = "cicd.owner";

/** Stand on every container, volume and network made for an attempt; `sweep` goes by them alone. */
export function attemptLabels(labels: AttemptLabels): Record<string, string> {
  return {
    [INSTANCE]: labels.instance,
    [RUN]: labels.run,
    [JOB]: labels.job,
    [ATTEMPT]: String(labels.attempt),
    [OWNER]: "",
  };
}

/** Of what all installations on an engine share; no sweep touches it. */
export const SHARED_LABELS = { "cicd.shared": "network" };

/** For the throw-away objects of the workspace probe; `at` is milliseconds since 1970 by this host's clock. */
export function probeLabels(instance: string, at: number): Record<string, string> {
  return { [INSTANCE]: instance, [PROBE]: String(at) };
}

/** For what a process keeps ready for its jobs; `owner` names the process. Empty ones cover those that an image may bring along. */
export function ownerLabels(instance: string, owner: string): Record<string, string> {
  return { [INSTANCE]: instance, [OWNER]: owner, [RUN]: "", [JOB]: "", [ATTEMPT]: "" };
}

/** The process an object belongs to; undefined for what belongs to an attempt. */
export function readOwner(labels: Record<string, string> | null | undefined): string | undefined {
  return labels?.[OWNER] || undefined;
}

/** The filter of Docker's list calls. */
export function instanceFilter(instance: string): { label: string[] } {
  return { label: [`${INSTANCE}=${instance}`] };
}

/** The attempt an object was made for; undefined for what was made for none. */
export function readAttemptLabels(
  labels: Record<string, string> | null | undefined,
): AttemptLabels | undefined {
  const instance = labels?.[INSTANCE];
  const run = labels?.[RUN] || undefined;
  const job = labels?.[JOB];
  const attempt = labels?.[ATTEMPT];
  if (instance === undefined || run === undefined || job === undefined || attempt === undefined)
    return undefined;
  return { instance, run, job, attempt: Number(attempt) };
}

/** When the probe that left this object began. */
export function readProbeTime(labels: Record<string, string> | null | undefined): number | undefined {
  const at = labels?.[PROBE];
  return at === undefined ? undefined : Number(at);
}

export function sameAttempt(one: AttemptLabels, other: AttemptLabels): boolean {
  return (
    one.instance === other.instance &&
    one.run === other.run &&
    one.job === other.job &&
    one.attempt === other.attempt
  );
}
