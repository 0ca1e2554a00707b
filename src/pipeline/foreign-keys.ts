import type { Node } from "./node.ts";

/** Keys that GitLab CI knows for jobs and this language does not; others are in `keywords/unsupported.ts`. */
const GITLAB_JOB_KEYS = new Set(
  "dast_configuration identity inputs manual_confirmation pages publish release run".split(" "),
);

const JOB_KEYS_WITH_DEFAULT = new Set([
  "image",
  "before_script",
  "after_script",
  "artifacts",
  "cache",
  "timeout",
  "retry",
  "tags",
  "interruptible",
]);

const OTHER_PRODUCTS: Record<string, string> = {
  steps: 'commands go under "script:"',
  run: 'commands go under "script:"',
  commands: 'commands go under "script:"',
  env: 'write "variables:"',
  environment_variables: 'write "variables:"',
  container: 'write "image:"',
  depends_on: 'write "needs:"',
  "timeout-minutes": 'write "timeout: 10m"',
  only: 'write "rules:"',
  except: 'write "rules:"',
  "runs-on": 'write "image:", as jobs run in containers; "tags:" chooses workers',
};

/** A hint about a job's key that is known elsewhere. */
export function foreignJobKey(key: string): string | undefined {
  if (Object.hasOwn(OTHER_PRODUCTS, key)) return OTHER_PRODUCTS[key];
  return GITLAB_JOB_KEYS.has(key) ? `GitLab CI knows "${key}"; cicd does not run it: remove it` : undefined;
}

/** A hint about a key of the top level: jobs and defaults stand one level deeper here than in GitLab CI. */
export function foreignTopKey(key: string, value: Node): string | undefined {
  if (JOB_KEYS_WITH_DEFAULT.has(key)) return `put it under "default:"`;
  if (key === "spec") return 'inputs are declared in a document of their own, before a line "---"';
  if (
    key === "pages" ||
    (value.kind === "map" && (value.entries.has("script") || value.entries.has("stage")))
  ) {
    return `a job? Put it under "jobs:"`;
  }
  return undefined;
}
