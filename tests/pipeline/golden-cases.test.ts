import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DIAGNOSTIC_CODES } from "../../src/pipeline/diagnostic.ts";
import { renderDiagnostic } from "../../src/pipeline/render-diagnostic.ts";
import { type GoldenCase, goldenCases, parseCase } from "./golden.ts";

/** `UPDATE_GOLDEN=1 bun test tests/pipeline` writes what the parser says now; read the difference before committing it. */
const UPDATE = process.env.UPDATE_GOLDEN === "1";

/** Codes whose cases are no text or too big; tested in `limits.test.ts`, `overrides.test.ts` and `../cli/pipeline-files.test.ts`. */
const TESTED_ELSEWHERE = [
  "CONFIG_UNREADABLE",
  "CONFIG_TOO_LARGE",
  "CONFIG_TOO_MANY_JOBS",
  "CONFIG_TOO_MANY_PROBLEMS",
  "CONFIG_UNKNOWN_OVERRIDE",
  // Of the plan, which needs more than a file.
  "PLAN_UNDEFINED_VARIABLE",
  "PLAN_CHANGES_UNKNOWN",
  "PLAN_SECRET_COMPARED",
  "PLAN_PRIVILEGED_SERVICE",
];

function outcome(found: GoldenCase): { file: string; content: string } {
  const { pipeline, diagnostics, texts } = parseCase(found);
  const rendered = diagnostics.map((diagnostic) => {
    const text = texts.find(({ file }) => file === diagnostic.file)?.text ?? found.text;
    return renderDiagnostic(diagnostic, text, { color: false });
  });
  if (pipeline === undefined) return { file: "expected.txt", content: `${rendered.join("\n\n")}\n` };
  const warnings = rendered.length === 0 ? {} : { warnings: rendered };
  return { file: "expected.json", content: `${JSON.stringify({ ...pipeline, ...warnings }, null, 2)}\n` };
}

describe.each(["native", "gitlab"] as const)("golden cases, %s", (form) => {
  for (const found of goldenCases(form)) {
    const { name, directory } = found;
    test(name, () => {
      const { file, content } = outcome(found);
      if (UPDATE) {
        for (const other of ["expected.txt", "expected.json"])
          rmSync(join(directory, other), { force: true });
        writeFileSync(join(directory, file), content);
      }
      const path = join(directory, file);
      expect(existsSync(path) ? readFileSync(path, "utf8") : `${file} does not exist`).toBe(content);
      expect(name.startsWith("valid-")).toBe(file === "expected.json");
    });
  }
});

test("every code of a diagnostic has a case", () => {
  const seen = new Set(TESTED_ELSEWHERE);
  for (const found of [...goldenCases("native"), ...goldenCases("gitlab")]) {
    for (const { code } of parseCase(found).diagnostics) seen.add(code);
  }
  expect(Object.keys(DIAGNOSTIC_CODES).filter((code) => !seen.has(code))).toEqual([]);
});
