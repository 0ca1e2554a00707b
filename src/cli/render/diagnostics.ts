import type { CheckedFile } from "../../app/check-pipelines.ts";
import { renderDiagnostic } from "../../pipeline/render-diagnostic.ts";
import type { Style } from "./style.ts";
import { plural, printable } from "./text.ts";

/** Every problem of the files, with excerpts; empty when there is none. */
export function renderProblems(files: CheckedFile[], style: Style): string {
  return files
    .flatMap(({ text, included, diagnostics }) =>
      diagnostics.map((diagnostic) => {
        const other = included.find(({ file }) => file === diagnostic.file);
        return `${renderDiagnostic(diagnostic, other?.text ?? text, { color: style.isColored })}\n\n`;
      }),
    )
    .join("");
}

/** `✓ web.yml: web, 12 jobs in 3 stages` or `✗ web.yml: 3 errors, 1 warning`, a line per file. */
export function renderVerdicts(files: CheckedFile[], style: Style): string {
  return files.map((file) => `${renderVerdict(file, style)}\n`).join("");
}

function renderVerdict({ file, pipeline, diagnostics }: CheckedFile, style: Style): string {
  const warnings = diagnostics.filter(({ severity }) => severity === "warning").length;
  const parts: string[] = [];
  if (pipeline === null) parts.push(plural(diagnostics.length - warnings, "error"));
  else {
    parts.push(
      printable(pipeline.name),
      `${plural(pipeline.jobs, "job")} in ${plural(pipeline.stages, "stage")}`,
    );
  }
  if (warnings > 0) parts.push(plural(warnings, "warning"));
  const symbol = pipeline === null ? style.red("✗") : warnings > 0 ? style.yellow("!") : style.green("✓");
  return `${symbol} ${style.bold(printable(file))}: ${parts.join(", ")}`;
}
