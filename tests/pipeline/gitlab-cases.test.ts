import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parsePipeline } from "../../src/pipeline/parse-pipeline.ts";
import { renderDiagnostic } from "../../src/pipeline/render-diagnostic.ts";

/** As `golden-cases.test.ts`, with files in GitLab's form. */
const UPDATE = process.env.UPDATE_GOLDEN === "1";
const CASES = join(import.meta.dir, "gitlab-cases");

function outcome(text: string): { file: string; content: string } {
  const { pipeline, diagnostics } = parsePipeline(text, { file: ".gitlab-ci.yml" });
  const rendered = diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, text, { color: false }));
  if (pipeline === undefined) return { file: "expected.txt", content: `${rendered.join("\n\n")}\n` };
  const warnings = rendered.length === 0 ? {} : { warnings: rendered };
  return { file: "expected.json", content: `${JSON.stringify({ ...pipeline, ...warnings }, null, 2)}\n` };
}

describe("a .gitlab-ci.yml", () => {
  for (const name of readdirSync(CASES).sort()) {
    test(name, () => {
      const { file, content } = outcome(readFileSync(join(CASES, name, ".gitlab-ci.yml"), "utf8"));
      if (UPDATE) {
        for (const other of ["expected.txt", "expected.json"])
          rmSync(join(CASES, name, other), { force: true });
        writeFileSync(join(CASES, name, file), content);
      }
      const path = join(CASES, name, file);
      expect(existsSync(path) ? readFileSync(path, "utf8") : `${file} does not exist`).toBe(content);
      expect(name.startsWith("valid-")).toBe(file === "expected.json");
    });
  }
});
