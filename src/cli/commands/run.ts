import { toCheckedFile } from "../../app/check-pipelines.ts";
import { prepareRuns } from "../../app/prepare-runs.ts";
import { type RecoveryReport, recover } from "../../app/recover.ts";
import type { PreparedRuns } from "../../app/run-request.ts";
import { defineCicdCommand } from "../command.ts";
import {
  EXECUTION_FLAGS,
  FILE_FLAG,
  JOB_CHOICE_FLAGS,
  LOCAL_FLAG,
  MANUAL_FLAG,
  OVERRIDE_FLAG,
  PIPELINE_FLAG,
  REF_FLAGS,
  REPO_FLAG,
} from "../common-flags.ts";
import { detachRuns } from "../detach-runs.ts";
import { refuseInvalid } from "../invalid-files.ts";
import type { Output } from "../output.ts";
import { runAndShow } from "../run-and-show.ts";
import { runThere } from "../run-there.ts";
import { refuseBoth, toPipelineSelection, toVariables } from "../selections.ts";
import { refuseWithServer } from "../server-flags.ts";
import { withExecutor } from "../with-executor.ts";

export default defineCicdCommand({
  flags: {
    ...REPO_FLAG,
    ...LOCAL_FLAG,
    ...REF_FLAGS,
    ...PIPELINE_FLAG,
    ...FILE_FLAG,
    ...OVERRIDE_FLAG,
    ...JOB_CHOICE_FLAGS,
    ...MANUAL_FLAG,
    ...EXECUTION_FLAGS,
    detach: { kind: "boolean", short: "d", summary: "run in the background; return at once" },
  },
  details: [
    "Without -b or -c the working tree is taken as it is, uncommitted changes included. Without -p or -f every",
    "pipeline in .cicd-pipelines/ runs, one after the other. Ctrl-C cancels, twice kills at once.",
    "With a server the tree is sent there and runs there; Ctrl-C asks whether to cancel it or to detach from it.",
    "Exit status: 0 success, 1 failed, 2 wrong usage or file, 3 something outside failed, 4 canceled by someone",
    "else, 130 interrupted.",
  ].join("\n"),
  examples: [
    "cicd run",
    "cicd run -p web --job unit",
    "cicd run -b main -o default.image=node:22 --var LOG=debug",
    "cicd run --manual deploy",
    "cicd run --detach",
  ],
  endsItself: true,
  async run(context) {
    const { flags, app, config, output, interrupts } = context;
    refuseBoth(flags.job, "--job", flags.stage, "--stage");
    const choice = {
      variables: toVariables(flags.var),
      jobs: flags.job,
      manual: flags.manual,
      ...(flags.stage === undefined ? {} : { stage: flags.stage }),
    };
    const remote = await context.remote();
    if (remote !== undefined) {
      const { executor, jobs, database } = flags;
      refuseWithServer(remote, { "--executor": executor, "--jobs": jobs, "--database": database });
      const request = { ...toPipelineSelection(flags, "docker"), ...choice };
      return runThere(context, remote, request, { isDetached: flags.detach });
    }
    const prepared = await withExecutor(context, async (executor) => {
      const request = {
        ...toPipelineSelection(flags, executor),
        ...choice,
        executor,
        trigger: "cli" as const,
      };
      // What other processes left is looked for while this one reads the repository. Git is asked first: while it answers
      // there is time to load what speaks to the database and to Docker.
      const asked = new Promise((resolve) => setImmediate(resolve));
      const recovering = asked.then(() => recover(app, { sweep: true, executors: [executor] }));
      const [result, recovered] = await Promise.allSettled([
        prepareRuns(app, request, interrupts.signal, {
          ready: recovering,
          slots: flags.detach ? 0 : config.maxParallelJobs,
        }),
        recovering,
      ]);
      if (recovered.status === "fulfilled") tellEnded(recovered.value, output);
      if (result.status === "rejected") throw result.reason;
      if (recovered.status === "rejected" && lacksImagesOnly(result.value)) throw recovered.reason;
      return result.value;
    });
    if (prepared.kind === "invalid") throw await refuseInvalid(prepared.files.map(toCheckedFile), output);
    for (const warning of prepared.warnings) output.warn(warning);
    if (flags.detach) return detachRuns(context, prepared.runs);
    return runAndShow(
      context,
      prepared.runs.map(({ id }) => ({ id, afterEvent: 0, named: flags.job })),
    );
  },
});

/** Without Docker, a file that only lacks images may still run in the shell. */
function lacksImagesOnly(prepared: PreparedRuns): boolean {
  if (prepared.kind !== "invalid") return false;
  const errors = prepared.files.flatMap(({ diagnostics }) => diagnostics);
  return errors.every(({ code, severity }) => severity !== "error" || code === "CONFIG_MISSING_IMAGE");
}

function tellEnded({ ended }: RecoveryReport, output: Output): void {
  for (const run of ended) output.note(`${run.pipeline} #${run.number} had lost its process and was ended`);
}
