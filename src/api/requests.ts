import * as v from "valibot";
import type { RunSource } from "../run/records.ts";
import {
  COMMIT,
  COUNT,
  countParameter,
  FLAG_PARAMETER,
  ID,
  listParameter,
  NAME,
  OBJECT_ID,
  text,
} from "./scalars.ts";
import { RUN_STATUSES } from "./shapes.ts";

/** What requests carry. Objects refuse keys they do not know, so that a typing error is not passed over. */

const MAX_FILES = 200;
const MAX_OBJECTS = 500_000;
/** Longer than the longest valid pipeline file: that it is too long is one of its problems. */
const MAX_FILE_LENGTH = 2 * 1024 * 1024;
const MAX_WAIT_MS = 120_000;

/** A repository by the key its runs are recorded under, or by its URL. */
export const REPO = v.pipe(text(2_048), v.minLength(1));
const BRANCH = NAME;
const OVERRIDES = v.pipe(v.array(text(65_536)), v.maxLength(1_000));
const VARIABLES = v.pipe(
  v.record(v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/)), text(131_072)),
  v.maxEntries(1_000),
);
const JOBS = v.pipe(v.array(NAME), v.maxLength(10_000));
const PIPELINE_TEXT = v.pipe(
  v.string(),
  v.maxLength(MAX_FILE_LENGTH),
  v.check((value: string) => value.isWellFormed(), "not valid Unicode"),
);
/** As they were read; `problem`: why one cannot be. */
const FILE = v.union([
  v.strictObject({ file: NAME, text: PIPELINE_TEXT }),
  v.strictObject({ file: NAME, problem: text(4_096) }),
]);
const FILES = v.pipe(v.array(FILE), v.minLength(1), v.maxLength(MAX_FILES));

const PATHS = v.pipe(v.array(text(4_096)), v.maxLength(500_000));
/** What `files` look at in the tree around them. */
const AROUND = v.strictObject({
  /** What they include. */
  files: v.pipe(v.array(FILE), v.maxLength(5_000)),
  /** Every path, where they match patterns with them. */
  paths: PATHS,
  /** What differs from a base ("": the default one); null: not known. */
  changed: v.pipe(v.array(v.strictObject({ base: text(1_024), paths: v.nullable(PATHS) })), v.maxLength(100)),
  predefined: VARIABLES,
});

export const CHECK_BODY = v.strictObject({
  files: FILES,
  /** Left out: they include nothing. */
  around: v.exactOptional(AROUND),
  /** Only the pipeline of that name; `files` are all of the repository nevertheless. */
  pipeline: v.exactOptional(NAME),
  overrides: v.optional(OVERRIDES, []),
  /** False where jobs run without containers; left out: as this server runs them. */
  imageRequired: v.exactOptional(v.boolean()),
});

export const DRY_RUN_BODY = v.strictObject({
  ...CHECK_BODY.entries,
  /** The file was named: otherwise, and without `pipeline`, what `on:` keeps from being run by hand is left out. */
  isNamed: v.optional(v.boolean(), false),
  variables: v.optional(VARIABLES, {}),
  jobs: v.optional(JOBS, []),
  stage: v.exactOptional(NAME),
  /** Manual jobs that start in their turn. */
  manual: v.optional(JOBS, []),
});

export const EXPLAIN_BODY = v.strictObject({
  ...CHECK_BODY.entries,
  variables: v.optional(VARIABLES, {}),
  /** Of the file, or one of what `parallel` makes of it. */
  job: NAME,
});

export const MISSING_BODY = v.strictObject({ objects: v.pipe(v.array(OBJECT_ID), v.maxLength(MAX_OBJECTS)) });

/** What the client says about the tree that it has sent; `tree` is checked against the objects. */
export const RUN_SOURCE = v.strictObject({
  repo: v.strictObject({ key: REPO, name: NAME }),
  branch: v.nullable(BRANCH),
  tag: v.nullable(NAME),
  commit: v.nullable(OBJECT_ID),
  commitMessage: v.nullable(text(65_536)),
  tree: OBJECT_ID,
  dirty: v.nullable(v.strictObject({ modified: COUNT, untracked: COUNT })),
});

const URL_SOURCE = v.strictObject({
  kind: v.literal("url"),
  repo: REPO,
  branch: v.exactOptional(BRANCH),
  commit: v.exactOptional(COMMIT),
});

export const START_BODY = v.strictObject({
  /** Chosen by the client: the same one again answers with the same runs. */
  requestId: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{8,128}$/, "8 to 128 letters, digits, _ or -")),
  source: v.variant("kind", [v.strictObject({ kind: v.literal("tree"), described: RUN_SOURCE }), URL_SOURCE]),
  pipeline: v.exactOptional(NAME),
  /** A pipeline file that need not be in the tree. Excludes `pipeline`. */
  file: v.exactOptional(v.strictObject({ name: NAME, text: PIPELINE_TEXT })),
  overrides: v.optional(OVERRIDES, []),
  variables: v.optional(VARIABLES, {}),
  jobs: v.optional(JOBS, []),
  stage: v.exactOptional(NAME),
  /** Manual jobs that start in their turn. */
  manual: v.optional(JOBS, []),
});

export const CANCEL_BODY = v.strictObject({
  /** How long to wait for its end before answering. */
  waitMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_WAIT_MS)), 0),
});

export const NO_BODY = v.strictObject({});

/** Without jobs: all that failed or were canceled. */
export const RETRY_BODY = v.strictObject({ jobs: v.optional(JOBS, []) });

/** Names of jobs of the run. */
export const PLAY_BODY = v.strictObject({ jobs: v.pipe(JOBS, v.minLength(1)) });

export const TOKEN_NAME = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "a name of letters, digits, . _ - (at most 63)"),
);
export const ROLE = v.picklist(["admin", "run", "read"]);
const MAX_LIFETIME_MS = 100 * 366 * 86_400_000;

export const TOKEN_BODY = v.strictObject({
  name: TOKEN_NAME,
  role: ROLE,
  /** From now on; null or left out: it does not expire. */
  expiresInMs: v.optional(
    v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_LIFETIME_MS))),
    null,
  ),
});

export const REPOSITORY_BODY = v.strictObject({
  /** What is cloned; without user and password. */
  url: REPO,
  /** Null or left out: as its address says. */
  name: v.optional(v.nullable(NAME), null),
  /** Null or left out: one is made. */
  webhookSecret: v.optional(v.nullable(v.pipe(text(512), v.minLength(16))), null),
});

const VARIABLE_NAME = v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/, "the name of a variable"));

export const SECRET_PARAMS = v.strictObject({ secret: VARIABLE_NAME });
/** Without `repo`: the secret of all repositories; of a list: all of them. */
export const SECRET_QUERY = v.strictObject({ repo: v.exactOptional(REPO) });
export const SECRET_BODY = v.strictObject({
  /** Null or left out: all repositories get it. */
  repo: v.optional(v.nullable(REPO), null),
  /** Shown to nobody any more. */
  value: text(65_536),
  /** Jobs find it in a file, whose path the variable holds. */
  file: v.optional(v.boolean(), false),
});

export const RUN_PARAMS = v.strictObject({ run: ID });
export const JOB_PARAMS = v.strictObject({ run: ID, job: NAME });
export const TOKEN_PARAMS = v.strictObject({
  token: v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)),
});
/** By its id, its name or its key. */
export const REPOSITORY_PARAMS = v.strictObject({ repository: NAME });
export const WEBHOOK_PARAMS = v.strictObject({ repository: ID });

const SELECTION = {
  pipeline: v.exactOptional(NAME),
  branch: v.exactOptional(BRANCH),
  commit: v.exactOptional(COMMIT),
  number: v.exactOptional(countParameter(2_147_483_647)),
};

export const FIND_QUERY = v.strictObject({ repo: REPO, ...SELECTION });

export const LIST_QUERY = v.strictObject({
  repo: v.exactOptional(REPO),
  ...SELECTION,
  status: v.exactOptional(listParameter(RUN_STATUSES)),
  trigger: v.exactOptional(
    listParameter(["cli", "api", "push", "tag", "pull_request", "schedule", "pipeline"]),
  ),
  /** By creation: `-createdAt` the newest first (the default), `createdAt` the oldest. */
  sort: v.exactOptional(v.picklist(["createdAt", "-createdAt"])),
  limit: v.exactOptional(countParameter(1_000)),
  /** `nextCursor` of the page before, with the same other parameters. */
  cursor: v.exactOptional(
    v.pipe(v.string(), v.regex(/^[0-9a-z]{1,12}\.[a-z0-9]{1,64}$/, "not a cursor of this list")),
  ),
});

export const REPORT_QUERY = v.strictObject({
  repo: REPO,
  pipeline: v.exactOptional(NAME),
  number: v.exactOptional(countParameter(2_147_483_647)),
  stage: v.exactOptional(NAME),
  job: v.exactOptional(NAME),
  /** Only the newest so many runs, in the forms over all runs. */
  limit: v.exactOptional(countParameter(100_000)),
  /** In the forms over all runs only what a table shows of each. */
  summariesOnly: v.exactOptional(FLAG_PARAMETER),
});

export const PIPELINES_QUERY = v.strictObject({ repo: REPO });
export const EVENTS_QUERY = v.strictObject({ logs: v.exactOptional(FLAG_PARAMETER) });
export const LOG_QUERY = v.strictObject({
  attempt: v.exactOptional(countParameter(1_000_000)),
  /** As with `Accept: text/event-stream`. */
  follow: v.exactOptional(FLAG_PARAMETER),
});
export const ARTIFACTS_QUERY = v.strictObject({ job: v.exactOptional(NAME) });
export const ARTIFACT_QUERY = v.strictObject({ path: v.pipe(text(4_096), v.minLength(1)) });

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;

export const REQUESTS_AGREE: Same<v.InferOutput<typeof RUN_SOURCE>, RunSource> = true;
