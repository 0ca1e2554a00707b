import * as v from "valibot";
import { EXPLANATION } from "./explanation.ts";
import { ROLE } from "./requests.ts";
import { COUNT, TIME } from "./scalars.ts";
import { CHECK_DIAGNOSTIC, CHECKED_FILE, DRY_RUN, LISTED_ARTIFACT, RUN_SUMMARY } from "./shapes.ts";

/** What requests are answered with, where it is not one of the shapes alone. */

export const HEALTH = v.object({ status: v.literal("ok") });

/** `code`: why a part is not ready. */
export const READINESS = v.object({
  status: v.picklist(["ready", "draining", "unready"]),
  parts: v.array(v.object({ name: v.string(), ready: v.boolean(), code: v.nullable(v.string()) })),
});

/** `diagnostics` as `check --json` prints them; `files` with what is needed to show them in their place. */
export const CHECKED = v.object({
  valid: v.boolean(),
  diagnostics: v.array(CHECK_DIAGNOSTIC),
  files: v.array(CHECKED_FILE),
});

export const PLANNED = v.object({ plans: v.array(DRY_RUN), warnings: v.array(v.string()) });
/** Of each pipeline that has the job. */
export const EXPLAINED = v.object({ explanations: v.array(EXPLANATION) });
export const MISSING = v.object({ missing: v.array(v.string()) });
export const STARTED = v.object({ runs: v.array(RUN_SUMMARY), warnings: v.array(v.string()) });
export const RUN_LIST = v.object({ runs: v.array(RUN_SUMMARY), nextCursor: v.nullable(v.string()) });
export const ARTIFACT_LIST = v.object({
  artifacts: v.array(LISTED_ARTIFACT),
  /** One sentence about what would be there, had it not expired. */
  expired: v.nullable(v.string()),
});
export const PIPELINE_LIST = v.object({
  pipelines: v.array(v.object({ name: v.string(), runs: COUNT })),
});

export const TOKEN = v.object({
  id: v.string(),
  name: v.string(),
  role: ROLE,
  createdAt: TIME,
  expiresAt: v.nullable(TIME),
  revokedAt: v.nullable(TIME),
});
export const TOKEN_LIST = v.object({ tokens: v.array(TOKEN) });

/** `token` is shown this once. */
export const NEW_TOKEN = v.object({
  id: v.string(),
  name: v.string(),
  role: ROLE,
  expiresAt: v.nullable(TIME),
  token: v.string(),
});

/** `repo` null: of all repositories. */
export const SECRET_LIST = v.object({
  secrets: v.array(
    v.object({
      name: v.string(),
      repo: v.nullable(v.string()),
      file: v.boolean(),
      createdAt: TIME,
      updatedAt: TIME,
    }),
  ),
});

export const WORKER_LIST = v.object({
  workers: v.array(
    v.object({
      name: v.string(),
      title: v.string(),
      version: v.string(),
      executors: v.array(v.string()),
      labels: v.array(v.string()),
      slots: COUNT,
      activeJobs: COUNT,
      state: v.picklist(["active", "draining", "stopped"]),
      startedAt: TIME,
      seenAt: TIME,
    }),
  ),
});

export const REPOSITORY = v.object({
  id: v.string(),
  key: v.string(),
  name: v.string(),
  url: v.string(),
  defaultBranch: v.nullable(v.string()),
  /** Where the repository's host sends its events. */
  webhookUrl: v.string(),
  createdAt: TIME,
});
export const REPOSITORY_LIST = v.object({ repositories: v.array(REPOSITORY) });

/** `webhookSecret` is shown this once. */
export const NEW_REPOSITORY = v.object({ repository: REPOSITORY, webhookSecret: v.string() });

export const SCHEDULE_LIST = v.object({
  schedules: v.array(
    v.object({
      id: v.string(),
      repositoryId: v.string(),
      repo: v.string(),
      pipeline: v.string(),
      cron: v.string(),
      timezone: v.string(),
      branch: v.nullable(v.string()),
      nextAt: TIME,
    }),
  ),
});

/**
 * What became of a webhook's event. `accepted` false: nothing is made of it, or was before; `message` says why. `notes`: a
 * sentence per pipeline that does not run, and per run that was canceled for a newer one.
 */
export const WEBHOOK_ANSWER = v.object({
  accepted: v.boolean(),
  message: v.string(),
  runs: v.array(v.object({ id: v.string(), pipeline: v.string(), number: COUNT })),
  notes: v.array(v.string()),
});

export const OPENAPI = v.looseObject({ openapi: v.string() });
