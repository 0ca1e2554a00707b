import type { OnValue } from "../keywords/native.ts";
import type { ChangeFilter, NameFilter, On } from "../pipeline.ts";

const EVERY_NAME: NameFilter = { only: null, ignored: null };
const EVERY_CHANGE: ChangeFilter = { branches: EVERY_NAME, paths: EVERY_NAME };

/** By hand and on every push where the key is absent. */
export function buildOn(value: OnValue | undefined): On {
  if (value === undefined) return buildWords(["manual", "push"]);
  return Array.isArray(value) ? buildWords(value) : buildEvents(value.values);
}

function buildWords(words: string[]): On {
  return {
    manual: words.includes("manual"),
    push: words.includes("push") ? EVERY_CHANGE : undefined,
    tag: words.includes("tag") ? EVERY_NAME : undefined,
    pullRequest: words.includes("pull_request") ? EVERY_CHANGE : undefined,
    schedule: [],
  };
}

type Events = Exclude<OnValue, string[]>["values"];

function buildEvents({ manual, push, tag, pull_request, schedule }: Events): On {
  return {
    manual: manual ?? false,
    push: push === undefined || isOfTagsAlone(push) ? undefined : buildChange(push),
    tag:
      tag === undefined
        ? tagsOfPush(push)
        : { only: tag.names ?? null, ignored: tag["names-ignore"] ?? null },
    pullRequest: pull_request === undefined ? undefined : buildChange(pull_request),
    schedule: (schedule ?? []).map(({ values }) => ({
      cron: values.cron ?? "",
      timezone: values.timezone ?? "UTC",
      branch: values.branch ?? null,
    })),
  };
}

type Push = NonNullable<Events["push"]>;

/** As in GitHub Actions: a push that names tags and no branches is one of tags. */
function isOfTagsAlone(push: Push): boolean {
  return push.tags !== undefined && push.branches === undefined && push["branches-ignore"] === undefined;
}

function tagsOfPush(push: Push | undefined): NameFilter | undefined {
  return push?.tags === undefined ? undefined : { only: push.tags, ignored: null };
}

function buildChange(value: NonNullable<Events["pull_request"]>): ChangeFilter {
  return {
    branches: { only: value.branches ?? null, ignored: value["branches-ignore"] ?? null },
    paths: { only: value.paths ?? null, ignored: value["paths-ignore"] ?? null },
  };
}
