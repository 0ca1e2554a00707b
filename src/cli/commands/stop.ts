import { stopRuns } from "../../app/cancel-runs.ts";
import { loadPipelineName } from "../../app/pipeline-name.ts";
import { recover } from "../../app/recover.ts";
import { defineCicdCommand } from "../command.ts";
import { FILE_FLAG, PIPELINE_FLAG, REPO_FLAG, RUN_NUMBER_FLAG, RUN_REF_FLAGS } from "../common-flags.ts";
import { renderEndedRuns } from "../render/ended-runs.ts";
import { refuseBoth, toRunSelection } from "../selections.ts";

export default defineCicdCommand({
  flags: { ...REPO_FLAG, ...RUN_REF_FLAGS, ...PIPELINE_FLAG, ...FILE_FLAG, ...RUN_NUMBER_FLAG },
  details:
    "Says which jobs still run and does not wait for them. -f means the pipeline that the file describes.",
  examples: ["cicd stop", "cicd stop -p web", "cicd stop -f .cicd-pipelines/web.yml"],
  async run({ flags, app, config, output, signal }) {
    refuseBoth(flags.pipeline, "-p", flags.file, "-f");
    await recover(app, { sweep: false, executors: [] });
    const pipeline = flags.file === undefined ? flags.pipeline : await loadPipelineName(app, flags.file);
    const ended = await stopRuns(
      app,
      toRunSelection({ ...flags, pipeline }),
      { actor: config.actor },
      signal,
    );
    if (output.json) await output.printJson({ stopped: ended });
    else await output.out(renderEndedRuns(ended, "stop", output.style.out));
    return undefined;
  },
});
