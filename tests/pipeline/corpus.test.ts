import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CORPUS, corpus, parseCase } from "./golden.ts";

/** `UPDATE_GOLDEN=1 bun test tests/pipeline/corpus.test.ts` writes what is said now; read the difference. */
const EXPECTED = join(CORPUS, "expected.txt");

describe("the .gitlab-ci.yml of public projects", () => {
  const projects = corpus();

  test("are read, and what does not run here is named with its place", () => {
    const text = projects.map((project) => {
      const { pipeline, diagnostics } = parseCase(project);
      expect(pipeline === undefined).toBe(diagnostics.some(({ severity }) => severity === "error"));
      const said = diagnostics.map(
        ({ file, line, column, severity, code, message }) =>
          `  ${file}:${line}:${column} ${severity} [${code}] ${message}\n`,
      );
      const jobs = pipeline === undefined ? "errors" : `${pipeline.jobs.length} jobs`;
      return `${project.name}: ${jobs}\n${said.join("")}`;
    });
    if (process.env.UPDATE_GOLDEN === "1") writeFileSync(EXPECTED, text.join("\n"));
    expect(text.join("\n")).toBe(existsSync(EXPECTED) ? readFileSync(EXPECTED, "utf8") : "");
  });

  test("have their licences named", () => {
    const readme = readFileSync(join(CORPUS, "README.md"), "utf8");
    expect(projects.length).toBeGreaterThanOrEqual(12);
    for (const { name } of projects) expect(readme).toContain(`| \`${name}\` |`);
  });
});
