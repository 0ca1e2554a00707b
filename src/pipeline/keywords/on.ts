import { CRON_PATTERN, cronProblem, timezoneProblem } from "../cron.ts";
import { MAX_PATTERN_LENGTH, parseGlob } from "../glob.ts";
import type { TextProblem } from "../names.ts";
import type { Node } from "../node.ts";
import { refNameProblem } from "../ref-name.ts";
import { type JsonSchema, list, oneOf, type Shape, text, truth, word } from "../shape.ts";
import { object } from "../shape-object.ts";
import type { Span } from "../source.ts";

/** The part of the language that says what makes a run: the key `on`. */

export const MAX_PATTERNS = 100;
export const MAX_SCHEDULES = 50;

/** The words that need nothing further. */
const EVENTS = ["push", "tag", "pull_request", "manual"] as const;
export type EventWord = (typeof EVENTS)[number];

const ELSEWHERE: Record<string, string> = {
  schedule: 'a schedule needs its times: schedule: [{ cron: "30 5 * * *" }]',
  cron: 'write schedule: [{ cron: "30 5 * * *" }]',
  merge_request: 'write "pull_request"; it stands for merge requests, too',
  pull_request_target: 'write "pull_request"',
  merge_request_event: 'write "pull_request"',
  workflow_dispatch: 'write "manual"',
  web: 'write "manual"',
  tags: 'write "tag"',
  create: 'write "push" or "tag"',
  release: 'write "tag"',
};
const elsewhere = (key: string) => (Object.hasOwn(ELSEWHERE, key) ? ELSEWHERE[key] : undefined);

/** As GitHub's filters: the last pattern that matches decides, and one with `!` takes away again. */
const patterns = (what: string, problem: (pattern: string) => TextProblem | undefined) =>
  limited(
    list(text({ noun: "a pattern", problem, schema: { minLength: 1, maxLength: MAX_PATTERN_LENGTH + 1 } }), {
      noun: `a pattern of ${what} or a list of them`,
      atLeast: 1,
      single: true,
    }),
    MAX_PATTERNS,
    "patterns",
  );

/** With `!` allowed; one without it has to be among them. */
function included(what: string, problem: (pattern: string) => TextProblem | undefined): Shape<string[]> {
  const shape = patterns(what, (pattern) => problem(pattern.startsWith("!") ? pattern.slice(1) : pattern));
  return {
    ...shape,
    read(node, context) {
      const read = shape.read(node, context);
      if (read === undefined || read.some((pattern) => !pattern.startsWith("!"))) return read;
      return context.report.error(
        "CONFIG_INVALID_VALUE",
        node.span,
        `the patterns only take ${what} away`,
        'begin the list with "**", or write the patterns without "!" under the key that ends with -ignore',
      );
    },
  };
}

const excluded = (what: string, problem: (pattern: string) => TextProblem | undefined) =>
  patterns(what, (pattern) =>
    pattern.startsWith("!")
      ? {
          message: `the pattern "${pattern}" begins with "!"`,
          hint: 'write it without the "!": it is left out here',
        }
      : problem(pattern),
  );

function patternProblem(pattern: string): TextProblem | undefined {
  if (pattern.trim() === "")
    return { message: "a pattern cannot be empty", hint: 'for everything write "**"' };
  if (pattern.length > MAX_PATTERN_LENGTH) {
    const message = `the pattern has ${pattern.length} characters; ${MAX_PATTERN_LENGTH} are allowed`;
    return { message, hint: "shorten it" };
  }
  if (pattern.startsWith("refs/")) {
    const hint = `write "${pattern.replace(/^refs\/(heads\/|tags\/)?/, "")}"`;
    return { message: `the pattern "${pattern}" is no short name`, hint };
  }
  return parseGlob(pattern).problem;
}

function pathProblem(pattern: string): TextProblem | undefined {
  if (!pattern.startsWith("/") && !pattern.startsWith("./")) return patternProblem(pattern);
  const hint = `paths begin at the top of the repository: write "${pattern.replace(/^\.?\/+/, "")}"`;
  return { message: `the pattern "${pattern.slice(0, 80)}" begins with a slash or a dot`, hint };
}

const paths = {
  paths: {
    shape: included("paths", pathProblem),
    about: "Only when a path that matches was changed. The last pattern that matches decides.",
  },
  "paths-ignore": {
    shape: excluded("paths", pathProblem),
    about: "Not when all changed paths match.",
  },
};

const branches = (about: string) => ({
  branches: {
    shape: included("branches", patternProblem),
    about: `Only ${about} that match, such as "release/**".`,
  },
  "branches-ignore": { shape: excluded("branches", patternProblem), about: `Not ${about} that match.` },
});

/** A mapping whose value may be missing: the event, whatever it is about. Not both of a key and its `-ignore`. */
function event<T extends { values: object; keySpans: Map<string, Span> }>(
  shape: Shape<T>,
): Shape<T["values"]> {
  const none: JsonSchema = { type: "null" };
  return {
    ...shape,
    schema: { anyOf: [none, ...((shape.schema.anyOf as JsonSchema[] | undefined) ?? [shape.schema])] },
    accepts: (node) => isEmpty(node) || shape.accepts(node),
    read(node, context) {
      if (isEmpty(node)) return {};
      const read = shape.read(node, context);
      for (const [key, span] of read?.keySpans ?? []) {
        if (!key.endsWith("-ignore") || !read!.keySpans.has(key.slice(0, -"-ignore".length))) continue;
        const message = `"${key}" stands beside "${key.slice(0, -"-ignore".length)}"`;
        context.report.error(
          "CONFIG_INVALID_VALUE",
          span,
          message,
          'write one of them, with "!" patterns if need be',
        );
      }
      return read?.values;
    },
  };
}

function isEmpty(node: Node): boolean {
  return node.kind === "scalar" && node.value === null;
}

function limited<T>(shape: Shape<T[]>, maximum: number, noun: string): Shape<T[]> {
  return {
    ...shape,
    read(node, context) {
      const read = shape.read(node, context);
      if (read === undefined || read.length <= maximum) return read;
      const message = `${read.length} ${noun}; ${maximum} are supported`;
      return context.report.error("CONFIG_INVALID_VALUE", node.span, message, "say it with fewer");
    },
  };
}

function timezone(): Shape<string> {
  const shape = text({ noun: "the name of a time zone", schema: { minLength: 1 } });
  return {
    ...shape,
    read(node, context) {
      const name = shape.read(node, context);
      if (name === undefined) return undefined;
      const problem = timezoneProblem(name, (names) => context.suggester.hint(name, names));
      if (problem === undefined) return name;
      return context.report.error("CONFIG_INVALID_SCHEDULE", node.span, problem.message, problem.hint);
    },
  };
}

const push = object(
  {
    ...branches("branches"),
    ...paths,
    tags: {
      shape: included("tags", patternProblem),
      about: 'Pushed tags that match, as in GitHub Actions; the same as "tag". Without branches: tags alone.',
    },
  },
  { noun: "a mapping with branches and paths", shorthand: "branches" },
);

const tag = object(
  {
    names: { shape: included("tags", patternProblem), about: 'Only tags that match, such as "v*".' },
    "names-ignore": { shape: excluded("tags", patternProblem), about: "Not tags that match." },
  },
  { noun: "a mapping with names", shorthand: "names" },
);

const pullRequest = object(
  { ...branches("pull requests into branches"), ...paths },
  { noun: "a mapping with branches and paths", shorthand: "branches" },
);

const moment = object(
  {
    cron: {
      shape: text({
        noun: "a cron expression",
        code: "CONFIG_INVALID_SCHEDULE",
        problem: cronProblem,
        schema: { pattern: CRON_PATTERN },
      }),
      about: "Minute, hour, day of the month, month, day of the week, as in crontab(5).",
      required: 'say when: cron: "30 5 * * *"',
    },
    timezone: { shape: timezone(), about: "Name of the time zone the times are in. Default: UTC." },
    branch: {
      shape: text({ noun: "the name of a branch", problem: refNameProblem, schema: { minLength: 1 } }),
      about: "The branch whose newest commit runs. Default: the repository's default branch.",
    },
  },
  { noun: "a mapping with cron" },
);

const schedule = limited(
  list(moment, { noun: "a list of mappings with cron", atLeast: 1 }),
  MAX_SCHEDULES,
  "schedules",
);

const manual: Shape<boolean> = (() => {
  const shape = truth();
  return {
    ...shape,
    noun: "true or false, or nothing",
    schema: { type: ["boolean", "null"] },
    read: (node, context) => (isEmpty(node) ? true : shape.read(node, context)),
  };
})();

const events = object(
  {
    push: { shape: event(push), about: "Commits are pushed to a branch." },
    tag: { shape: event(tag), about: "A tag is pushed." },
    pull_request: {
      shape: event(pullRequest),
      about: "A pull or merge request is opened, reopened or gets commits.",
    },
    schedule: { shape: schedule, about: "Times at which it runs." },
    manual: { shape: manual, about: "cicd run takes it without being told its name." },
  },
  { noun: "a mapping of events", elsewhere },
);

const eventWords = list(word(EVENTS, ELSEWHERE), {
  noun: "an event or a list of events",
  atLeast: 1,
  single: true,
});

/** Words alone, or a mapping with at least one event. */
export const on = oneOf(eventWords, {
  ...events,
  schema: { ...events.schema, minProperties: 1 },
  read(node, context) {
    if (node.kind !== "map" || node.entries.size > 0) return events.read(node, context);
    const hint = "name an event, or remove the key: it runs by hand and on pushes then";
    return context.report.error("CONFIG_INVALID_VALUE", node.span, '"on" names no event', hint);
  },
} as typeof events);

/** For `KEYWORDS`. */
export const ON_KEYWORDS = {
  on: events.keys!,
  push: push.keys!,
  tag: tag.keys!,
  pull_request: pullRequest.keys!,
  schedule: moment.keys!,
};
