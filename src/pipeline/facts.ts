import type { Variables } from "./pipeline.ts";

/** What includes, rules and expressions look at besides the file itself: data, fetched by whoever parses and plans. */
export interface Facts {
  /** Variables that are known before any job is, such as `CI_COMMIT_BRANCH`; never expanded. */
  predefined: Readonly<Record<string, string>>;
  /** Of the user's project, those that are no secrets; over the job's. */
  project: Variables;
  /** Names of the secrets that are set and may be given. */
  secrets: readonly string[];
  /** Of `--var`. */
  run: Variables;
  /**
   * Paths that changed, by `compare_to` as expanded; "" is the default base. Null: not known, and every rule on changes holds. Absent:
   * not fetched.
   */
  changed: Readonly<Record<string, readonly string[] | null>>;
  /** Every path of the tree, sorted. Null: not fetched. */
  files: readonly string[] | null;
}

export const NO_FACTS: Facts = {
  predefined: {},
  project: {},
  secrets: [],
  run: {},
  changed: {},
  files: null,
};

/** What must be fetched before a plan can be made. `changed`: keys of `Facts.changed`; `files`: `Facts.files`. */
export interface FactsWanted {
  changed: string[];
  files: boolean;
}
