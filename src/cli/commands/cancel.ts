import { defineCicdCommand } from "../command.ts";
import { LOCAL_FLAG, PIPELINE_FLAG, REPO_FLAG, RUN_NUMBER_FLAG, RUN_REF_FLAGS } from "../common-flags.ts";
import { renderEndedRuns } from "../render/ended-runs.ts";
import { toRunSelection } from "../selections.ts";

const CLEAN_UP_MS = 5_000;

export default defineCicdCommand({
  flags: { ...REPO_FLAG, ...LOCAL_FLAG, ...RUN_REF_FLAGS, ...PIPELINE_FLAG, ...RUN_NUMBER_FLAG },
  details:
    "Without flags: everything that runs for this repository. Waits until it is over. Nothing running is no error.",
  examples: ["cicd cancel", "cicd cancel -p web --run 12", "cicd cancel -b main"],
  async run({ flags, config, output, signal, ...context }) {
    const service = await context.service();
    // The job's grace, and as much again for its after_script.
    const waitMs = 2 * config.graceMs + CLEAN_UP_MS;
    const ended = await service.cancel(toRunSelection(flags), { waitMs }, signal);
    if (output.json) await output.printJson({ canceled: ended });
    else await output.out(renderEndedRuns(ended, "cancel", output.style.out));
    return undefined;
  },
});
