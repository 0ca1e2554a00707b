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
import { refuseInvalid } from "../invalid-files.ts";
import { renderPlan } from "../render/plan.ts";
import { refuseBoth, toPipelineSelection, toVariables } from "../selections.ts";
import { refuseWithServer } from "../server-flags.ts";

export default defineCicdCommand({
  flags: {
    ...FILE_FLAG,
    ...PIPELINE_FLAG,
    ...REPO_FLAG,
    ...LOCAL_FLAG,
    ...REF_FLAGS,
    ...OVERRIDE_FLAG,
    ...JOB_CHOICE_FLAGS,
    ...MANUAL_FLAG,
    executor: EXECUTION_FLAGS.executor,
  },
  details: "`cicd --dryrun` is the same. With --json: one document per pipeline, one per line.",
  examples: ["cicd dryrun", "cicd dryrun -p web --job unit", "cicd plan -o jobs.test.timeout=5m"],
  async run({ flags, config, output, signal, ...context }) {
    refuseBoth(flags.job, "--job", flags.stage, "--stage");
    const request = {
      ...toPipelineSelection(flags, config.executor ?? "docker"),
      variables: toVariables(flags.var),
      jobs: flags.job,
      manual: flags.manual,
      ...(flags.stage === undefined ? {} : { stage: flags.stage }),
    };
    refuseWithServer(await context.remote(), { "--executor": flags.executor });
    const result = await (await context.service()).dryRun(request, signal);
    if (result.kind === "invalid") throw await refuseInvalid(result.files, output);
    for (const warning of result.warnings) output.warn(warning);
    for (const plan of result.plans) {
      if (output.json) await output.printJson(plan);
      else await output.out(renderPlan(plan, output.style.out, { isVerbose: output.verbose }));
    }
    return undefined;
  },
});
