import type { RunRecord } from "./records.ts";

/** Where attempts get their secrets from: the values are in no plan and no row of a run. */
export interface SecretSource {
  /**
   * Those of `names` that are set for the run's repository, or were until lately. Throws SECRET_KEY_INVALID where they were sealed with another key, and what
   * the store throws.
   */
  read(run: RunRecord, names: readonly string[]): Promise<ReadonlyMap<string, Secret>>;
}

export interface Secret {
  value: string;
  /** The job finds it in a file, whose path the variable holds. */
  file: boolean;
  /** Values it had until lately: they are masked as well. */
  former: readonly string[];
  /** No job is given it any more; what it was is still masked. */
  isRemoved?: true;
}

export const NO_SECRETS: SecretSource = { read: async () => new Map() };
