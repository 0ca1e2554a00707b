import { prepareRuns } from "../../app/prepare-runs.ts";
import { recover } from "../../app/recover.ts";
import { chooseExecutor } from "../choose-executor.ts";
import { defineCicdCommand } from "../command.ts";
import {
  EXECUTION_FLAGS,
  FILE_FLAG,
  JOB_CHOICE_FLAGS,
  OVERRIDE_FLAG,
  PIPELINE_FLAG,
  REF_FLAGS,
  REPO_FLAG,
} from "../common-flags.ts";
import { detachRuns } from "../detach-runs.ts";
import { refuseInvalid } from "../invalid-files.ts";
import { runAndShow } from "../run-and-show.ts";
import { refuseBoth, toPipelineSelection, toVariables } from "../selections.ts";

export default defineCicdCommand({
  flags: {
    ...REPO_FLAG,
    local: { kind: "boolean", short: "l", summary: "here, although a server is configured" },
    ...REF_FLAGS,
    ...PIPELINE_FLAG,
    ...FILE_FLAG,
    ...OVERRIDE_FLAG,
    ...JOB_CHOICE_FLAGS,
    ...EXECUTION_FLAGS,
    detach: { kind: "boolean", short: "d", summary: "run in the background; return at once" },
  },
  details: [
    "Without -b or -c the working tree is taken as it is, uncommitted changes included. Without -p or -f every",
    "pipeline in .cicd-pipelines/ runs, one after the other. Ctrl-C cancels, twice kills at once.",
    "Exit status: 0 success, 1 failed, 2 wrong usage or file, 3 something outside failed, 4 canceled by someone",
    "else, 130 interrupted.",
  ].join("\n"),
  examples: [
    "cicd run",
    "cicd run -p web --job unit",
    "cicd run -b main -o default.image=node:22 --var LOG=debug",
    "cicd run --detach",
  ],
  endsItself: true,
  async run(context) {
    const { flags, app, config, output, interrupts } = context;
    refuseBoth(flags.job, "--job", flags.stage, "--stage");
    const variables = toVariables(flags.var);
    toPipelineSelection(flags, "docker");
    const executor = await chooseExecutor(context);
    const recovered = await recover(app, { sweep: true, executors: [executor] });
    for (const run of recovered.ended) {
      output.note(`${run.pipeline} #${run.number} had lost its process and was ended`);
    }
    const request = {
      ...toPipelineSelection(flags, executor),
      variables,
      jobs: flags.job,
      ...(flags.stage === undefined ? {} : { stage: flags.stage }),
      executor,
      trigger: "cli" as const,
    };
    const prepared = await prepareRuns(app, request, interrupts.signal);
    if (prepared.kind === "invalid") throw await refuseInvalid(prepared.files, output);
    for (const warning of prepared.warnings) output.warn(warning);
    if (flags.detach) return detachRuns(context, prepared.runs);
    return runAndShow(
      { app, config, output, interrupts },
      prepared.runs.map(({ id }) => ({ id, afterEvent: 0 })),
    );
  },
});
