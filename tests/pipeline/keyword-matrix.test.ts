import { describe, expect, test } from "bun:test";
import type { Form } from "../../src/pipeline/pipeline.ts";
import { examples } from "../support/examples.ts";
import { type GoldenCase, goldenCases, parseCase } from "./golden.ts";
import { type KeywordPlace, keywordPlaces, keywordsOf } from "./keyword-places.ts";

const FORMS: Form[] = ["native", "gitlab"];

describe.each(FORMS)("every keyword of the %s form", (form) => {
  test("stands in an example that is run", () => {
    const shown = examples().filter((example) => example.form === form);
    const used = new Set(
      shown.flatMap(({ text }) => keywordPlaces(text, form).map(({ keyword }) => keyword)),
    );
    expect(keywordsOf(form).filter((keyword) => !used.has(keyword))).toEqual([]);
  });

  test("has a case with a mistake in it", () => {
    const wrong = new Set(FORMS.flatMap((one) => goldenCases(one).flatMap(keywordsWithMistakes)));
    expect(keywordsOf(form).filter((keyword) => !wrong.has(keyword))).toEqual([]);
  });
});

/** Those that an error of the case's own file points into, and into no keyword below. */
function keywordsWithMistakes(found: GoldenCase): string[] {
  const places = keywordPlaces(found.text, found.form);
  const own = found.form === "native" ? "pipeline.yml" : ".gitlab-ci.yml";
  const errors = parseCase(found).diagnostics.filter(
    ({ severity, file }) => severity === "error" && file === own,
  );
  const lines = found.text.split("\n");
  return errors.flatMap(({ line, column }) => {
    const start = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0) + column - 1;
    return innermost(places, start)?.keyword ?? [];
  });
}

function innermost(places: KeywordPlace[], at: number): KeywordPlace | undefined {
  const around = places.filter(({ start, end }) => start <= at && at < end);
  return around.sort((a, b) => a.end - a.start - (b.end - b.start))[0];
}
