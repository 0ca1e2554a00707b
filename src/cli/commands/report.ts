import { reportForm } from "../../app/report.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import { defineCicdCommand } from "../command.ts";
import { LOCAL_FLAG, PIPELINE_FLAG, REPO_FLAG, RUN_NUMBER_FLAG } from "../common-flags.ts";
import { renderMarkdownReport, renderReport } from "../render/reports.ts";

export default defineCicdCommand({
  flags: {
    ...REPO_FLAG,
    ...LOCAL_FLAG,
    ...PIPELINE_FLAG,
    ...RUN_NUMBER_FLAG,
    stage: { kind: "string", short: "s", value: "STAGE", summary: "one stage" },
    job: { kind: "string", short: "j", value: "JOB", summary: "one job of that stage" },
    limit: { kind: "count", short: "n", value: "N", summary: "only the newest so many runs" },
    format: { kind: "string", value: "table|markdown|json", summary: "how it is printed" },
  },
  details: [
    "Seven forms: nothing (all pipelines) · -p (its runs) · -p --run (that run) · -p -s (that stage in all runs) ·",
    "-p --run -s · -p -s -j (that job in all runs) · -p --run -s -j.",
  ].join("\n"),
  examples: [
    "cicd report",
    "cicd report -p web --run 12",
    "cicd report -p web -s test -j unit --format markdown",
  ],
  async run({ flags, output, signal, ...context }) {
    const format = toFormat(flags.format ?? (output.json ? "json" : "table"));
    const { pipeline, run: number, stage, job, limit } = flags;
    const request = {
      repo: flags.repo ?? ".",
      ...(pipeline === undefined ? {} : { pipeline }),
      ...(number === undefined ? {} : { number }),
      ...(stage === undefined ? {} : { stage }),
      ...(job === undefined ? {} : { job }),
      ...(limit === undefined ? {} : { limit }),
      summariesOnly: format !== "json" && !output.json,
    };
    reportForm(request);
    const result = await (await context.service()).report(request, signal);
    if (format === "json" || output.json) await output.printJson(result);
    else if (format === "markdown") await output.out(renderMarkdownReport(result));
    else if ("pipelines" in result && result.pipelines.length === 0) output.note("no runs are recorded");
    else await output.out(renderReport(result, output.style.out));
    return undefined;
  },
});

function toFormat(text: string): "table" | "markdown" | "json" {
  if (text === "table" || text === "markdown" || text === "json") return text;
  throw new CicdError("USAGE", `--format: "${text}" is not table, markdown or json`);
}
