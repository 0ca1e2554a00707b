import { loadPipelineName } from "../../app/pipeline-name.ts";
import { defineCicdCommand } from "../command.ts";
import {
  FILE_FLAG,
  LOCAL_FLAG,
  PIPELINE_FLAG,
  REPO_FLAG,
  RUN_NUMBER_FLAG,
  RUN_REF_FLAGS,
} from "../common-flags.ts";
import { renderEndedRuns } from "../render/ended-runs.ts";
import { refuseBoth, toRunSelection } from "../selections.ts";

export default defineCicdCommand({
  flags: {
    ...REPO_FLAG,
    ...LOCAL_FLAG,
    ...RUN_REF_FLAGS,
    ...PIPELINE_FLAG,
    ...FILE_FLAG,
    ...RUN_NUMBER_FLAG,
  },
  details:
    "Says which jobs still run and does not wait for them. -f means the pipeline that the file describes.",
  examples: ["cicd stop", "cicd stop -p web", "cicd stop -f .cicd-pipelines/web.yml"],
  async run({ flags, app, output, signal, ...context }) {
    refuseBoth(flags.pipeline, "-p", flags.file, "-f");
    const service = await context.service();
    const pipeline = flags.file === undefined ? flags.pipeline : await loadPipelineName(app, flags.file);
    const ended = await service.stop(toRunSelection({ ...flags, pipeline }), signal);
    if (output.json) await output.printJson({ stopped: ended });
    else await output.out(renderEndedRuns(ended, "stop", output.style.out));
    return undefined;
  },
});
