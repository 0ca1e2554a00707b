import type { ExplanationJson } from "../../app/explanation.ts";
import type { Service } from "../../app/service.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import { defineCicdCommand } from "../command.ts";
import {
  FILE_FLAG,
  JOB_CHOICE_FLAGS,
  LOCAL_FLAG,
  OVERRIDE_FLAG,
  PIPELINE_FLAG,
  REF_FLAGS,
  REPO_FLAG,
  RUN_NUMBER_FLAG,
} from "../common-flags.ts";
import { refuseInvalid } from "../invalid-files.ts";
import { renderExplanation } from "../render/explain.ts";
import { refuseBoth, toPipelineSelection, toRunSelection, toVariables } from "../selections.ts";

export default defineCicdCommand({
  positionals: { usage: "JOB", max: 1 },
  flags: {
    ...REPO_FLAG,
    ...LOCAL_FLAG,
    ...PIPELINE_FLAG,
    ...RUN_NUMBER_FLAG,
    ...FILE_FLAG,
    ...REF_FLAGS,
    ...OVERRIDE_FLAG,
    var: JOB_CHOICE_FLAGS.var,
  },
  details: [
    "Without --run: why it would run or not, were the pipeline run now, and what became of it in the newest run.",
    "-f, -b, -c, -o and --var: only what would be. JOB is a job of the file, or one of what parallel makes of it.",
    "With --json: an object per pipeline and run, one per line.",
  ].join("\n"),
  examples: [
    "cicd explain deploy",
    "cicd explain unit -p web --run 12",
    "cicd explain deploy --var CI_COMMIT_TAG=v1",
  ],
  async run({ flags, positionals: [job], config, output, signal, ...context }) {
    if (job === undefined) throw new CicdError("USAGE", "explain needs the name of a job");
    const supposed = {
      "-f": flags.file,
      "-b": flags.branch,
      "-c": flags.commit,
      "-o": flags.override,
      "--var": flags.var,
    };
    for (const [name, value] of Object.entries(supposed)) refuseBoth(flags.run, "--run", value, name);
    const service = await context.service();
    const explanations: ExplanationJson[] = [];
    if (flags.run === undefined) {
      const selection = toPipelineSelection(flags, config.executor ?? "docker");
      const isSupposed = Object.values(supposed).some((value) => value !== undefined && value.length > 0);
      const request = { ...selection, variables: toVariables(flags.var), job };
      const answer = await service.explainPlan(request, signal).catch(async (error: unknown) => {
        // A pipeline that another one starts has no file of its name, but runs.
        const { pipeline } = flags;
        if (pipeline === undefined || isSupposed || !isNotThere(error)) throw error;
        const recorded = await ofNewestRun(service, flags, pipeline, job, signal);
        if (recorded.length === 0) throw error;
        explanations.push(...recorded);
        return { kind: "explained" as const, explanations: [] };
      });
      if (answer.kind === "invalid") throw await refuseInvalid(answer.files, output);
      for (const planned of answer.explanations) {
        explanations.push(planned);
        if (!isSupposed)
          explanations.push(...(await ofNewestRun(service, flags, planned.pipeline, job, signal)));
      }
    } else {
      const run = await service.find(toRunSelection(flags), signal);
      explanations.push(await service.explainRun(run.id, job, signal));
    }
    if (output.json) for (const explanation of explanations) await output.printJson(explanation);
    else await output.out(explanations.map((one) => renderExplanation(one, output.style.out)).join("\n"));
    return undefined;
  },
});

function isNotThere(error: unknown): boolean {
  return error instanceof CicdError && error.code === "CONFIG_NOT_FOUND";
}

/** Nothing where no run is recorded, or the newest one knows no such job. */
async function ofNewestRun(
  service: Service,
  flags: { repo: string | undefined },
  pipeline: string,
  job: string,
  signal: AbortSignal,
): Promise<ExplanationJson[]> {
  try {
    const run = await service.find(toRunSelection({ repo: flags.repo, pipeline }), signal);
    return [await service.explainRun(run.id, job, signal)];
  } catch (error) {
    if (error instanceof CicdError && error.code === "NOT_FOUND") return [];
    throw error;
  }
}
