import { describe, expect, test } from "bun:test";
import { matchesGlob, parseGlob } from "../../src/pipeline/glob.ts";
import { parsePipeline } from "../../src/pipeline/parse-pipeline.ts";
import type { On } from "../../src/pipeline/pipeline.ts";
import { toMatcher } from "../../src/plan/name-filter.ts";
import { asksToSkip, type RepositoryEvent } from "../../src/plan/repository-event.ts";
import { asksForPaths, decideTrigger, runsByHand } from "../../src/plan/triggers.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

function onOf(yaml: string): On {
  const text = `name: x\n${yaml}\ndefault: { image: busybox }\njobs: { a: { stage: build, script: ls } }\n`;
  const { pipeline, diagnostics } = parsePipeline(text, { file: "x.yml" });
  expect(diagnostics).toEqual([]);
  return pipeline!.on;
}

const push = (branch: string): RepositoryEvent => ({ kind: "push", branch, commit: COMMIT, before: null });
const tag = (name: string): RepositoryEvent => ({ kind: "tag", tag: name, commit: COMMIT });
const pullRequest = (targetBranch: string): RepositoryEvent => ({
  ...{ kind: "pull_request", number: 7, title: "t", sourceBranch: "main", targetBranch, isFork: false },
  ...{ commit: COMMIT, ref: "refs/pull/7/head" },
});
const decide = (on: string, event: RepositoryEvent, paths: string[] | null = null) =>
  decideTrigger(onOf(on), event, paths);

function matches(pattern: string, text: string): boolean {
  const { glob, problem } = parseGlob(pattern);
  if (glob === undefined) throw new Error(problem.message);
  return matchesGlob(glob, text);
}

/** https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet */
describe("a pattern", () => {
  test.each([
    ["main", ["main"], ["main2", "a/main", "mai", ""]],
    ["feature/*", ["feature/a", "feature/b-1", "feature/"], ["feature/a/b", "feature"]],
    ["feature/**", ["feature/a", "feature/beta-a/my-branch"], ["feature", "x/feature/a"]],
    ["*feature", ["mona-feature", "feature", "ver-10-feature"], ["a/feature"]],
    ["**feature", ["a/feature", "feature"], ["feature/a"]],
    ["*", ["main", "releases", ""], ["all/the/branches"]],
    ["**", ["main", "all/the/branches", ""], []],
    ["v2*", ["v2", "v2.0", "v2.9"], ["v1", "av2"]],
    ["v[12].[0-9]+.[0-9]+", ["v1.10.1", "v2.0.0"], ["v3.0.0", "v1.x.1", "v1.1", "v1..1"]],
    ["*.jsx?", ["page.js", "page.jsx"], ["page.jsxx", "js/page.js"]],
    ["**.js", ["index.js", "js/index.js", "src/js/app.js"], ["index.jsx"]],
    ["docs/*", ["docs/README.md"], ["docs/a/b.md"]],
    ["docs/**/*.md", ["docs/README.md", "docs/a/hello.md", "docs/a/b/file.md"], ["docs.md", "xdocs/a.md"]],
    ["**/docs/**", ["docs/hello.md", "dir/docs/my.txt", "a/b/docs/c/d"], ["mydocs/a", "docs"]],
    ["**/README.md", ["README.md", "js/README.md", "a/b/README.md"], ["xREADME.md", "a/bREADME.md"]],
    ["**/*src/**", ["a/src/app.js", "my-src/code/js/app.js"], ["src", "a/srcs/x"]],
    ["**/*-post.md", ["my-post.md", "path/their-post.md"], ["post.md"]],
    [
      "**/migrate-*.sql",
      ["migrate-10909.sql", "db/migrate-v1.0.sql", "db/sept/migrate-v1.sql"],
      ["migrate.sql"],
    ],
    ["a+", ["a", "aaa"], ["", "ab"]],
    ["[a-c]?x", ["x", "ax", "cx"], ["dx", "abx"]],
    ["\\*\\?\\[", ["*?["], ["a"]],
    ["a***b", ["ab", "a/x/b"], ["a"]],
    ["日本/*", ["日本/語"], ["日本"]],
    ["[日-語]", ["本"], ["a"]],
    ["a.b", ["a.b"], ["axb"]],
  ])("%s", (pattern, fits, others) => {
    expect(fits.filter((text) => !matches(pattern, text))).toEqual([]);
    expect(others.filter((text) => matches(pattern, text))).toEqual([]);
  });

  test("of any malice takes no more time than its length and the text's", () => {
    const text = `${"a".repeat(2_000)}b`;
    const started = performance.now();
    for (const pattern of [
      "a?".repeat(127),
      "*a".repeat(127),
      "**/".repeat(85),
      "a+".repeat(127),
      "*".repeat(255),
    ])
      matches(pattern, text);
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  test.each(["a[", "[]", "[b-a]", "[!a]", "+a", "?", "*+", "a?+", "a++", "a\\"])(
    "%s is refused with a hint",
    (pattern) => {
      expect(parseGlob(pattern).problem?.hint).toMatch(/.{5}/);
    },
  );
});

describe("a list of patterns", () => {
  test("takes what the last pattern that fits takes", () => {
    const matcher = toMatcher({
      only: ["releases/**", "!releases/**-alpha", "releases/1-alpha"],
      ignored: null,
    });
    expect(["releases/10", "releases/beta/3", "releases/1-alpha"].filter(matcher)).toHaveLength(3);
    expect(["releases/10-alpha", "releases/x/y-alpha", "main"].filter(matcher)).toEqual([]);
  });
});

describe("an event", () => {
  test("makes runs by hand and on every push where nothing is said", () => {
    expect(runsByHand(onOf(""))).toBe(true);
    expect(decide("", push("any/branch"))).toEqual({ runs: true, why: "the branch any/branch fits" });
    expect(decide("", tag("v1"))).toEqual({ runs: false, why: '"on" does not name tags' });
    expect(decide("", pullRequest("main"))).toEqual({ runs: false, why: '"on" does not name pull requests' });
  });

  test("of another kind makes none", () => {
    expect(decide("on: tag", push("main"))).toEqual({ runs: false, why: '"on" does not name pushes' });
    expect(runsByHand(onOf("on: tag"))).toBe(false);
    expect(runsByHand(onOf("on: [tag, manual]"))).toBe(true);
    expect(runsByHand(onOf("on: { push: { branches: nothing } }"))).toBe(true);
    expect(runsByHand(onOf("on: { push: { tags: v1 } }"))).toBe(false);
  });

  test("makes one where the branch fits, and says why not", () => {
    const on = 'on: { push: { branches: [main, "release/**"] } }';
    expect(decide(on, push("release/1/x")).runs).toBe(true);
    expect(decide(on, push("dev"))).toEqual({
      runs: false,
      why: "the branch dev is not among main, release/**",
    });
    expect(decide('on: { push: { branches-ignore: ["wip/**"] } }', push("wip/a"))).toEqual({
      runs: false,
      why: "the branch wip/a is among the ignored: wip/**",
    });
    expect(decide('on: { push: { branches-ignore: ["wip/**"] } }', push("main")).runs).toBe(true);
  });

  test("of a pull request is about the branch that it is to be merged into", () => {
    expect(decide("on: { pull_request: { branches: main } }", pullRequest("main")).runs).toBe(true);
    expect(decide("on: { pull_request: { branches: main } }", pullRequest("dev"))).toEqual({
      runs: false,
      why: "the target branch dev is not among main",
    });
  });

  test("of a tag is about its name; push with tags is understood as on GitHub", () => {
    expect(decide('on: { tag: ["v*", "!v0*"] }', tag("v1")).runs).toBe(true);
    expect(decide('on: { tag: ["v*", "!v0*"] }', tag("v0.1"))).toEqual({
      runs: false,
      why: "the tag v0.1 is not among v*, !v0*",
    });
    expect(decide("on: { push: { tags: v* } }", tag("v1")).runs).toBe(true);
    expect(decide("on: { push: { tags: v* } }", push("v1")).runs).toBe(false);
    expect(decide("on: { push: { tags: v*, branches: main } }", push("main")).runs).toBe(true);
  });

  test("is weighed by the paths that changed", () => {
    const only = 'on: { push: { paths: ["src/**", "!**/*.md"] } }';
    expect(asksForPaths(onOf(only), push("main"))).toBe(true);
    expect(asksForPaths(onOf(only), tag("v1"))).toBe(false);
    expect(asksForPaths(onOf(""), push("main"))).toBe(false);
    expect(decide(only, push("main"), ["README.md", "src/a.ts"])).toEqual({
      runs: true,
      why: "the branch main fits, and src/a.ts was changed",
    });
    expect(decide(only, push("main"), ["src/README.md"])).toEqual({
      runs: false,
      why: "src/README.md is outside of paths: src/**, !**/*.md",
    });
    const ignored = 'on: { push: { paths-ignore: ["docs/**"] } }';
    expect(decide(ignored, push("main"), ["docs/a", "docs/b"])).toEqual({
      runs: false,
      why: "all 2 changed files are among paths-ignore: docs/**",
    });
    expect(decide(ignored, push("main"), ["docs/a", "b"]).runs).toBe(true);
    expect(decide(ignored, push("main"), [])).toEqual({ runs: false, why: "no file was changed" });
    expect(decide(only, push("main"), null).runs).toBe(true);
    expect(
      decide(
        only,
        push("main"),
        Array.from({ length: 1_001 }, () => "x"),
      ).runs,
    ).toBe(true);
    expect(decide('on: { push: { branches: main, paths: ["src/**"] } }', push("dev"), ["src/a"]).runs).toBe(
      false,
    );
  });
});

test("a commit message may ask for no run", () => {
  for (const message of ["Typo [skip ci]", "[CI SKIP] x", "title\n\nbody [ci skip]"])
    expect(asksToSkip(message)).toBe(true);
  for (const message of ["skip ci", "[skip-ci]", "[skip  ci]", ""]) expect(asksToSkip(message)).toBe(false);
});
