import { toCheckJson } from "../../app/check-pipelines.ts";
import { EXIT } from "../../errors/codes.ts";
import { defineCicdCommand } from "../command.ts";
import {
  EXECUTION_FLAGS,
  FILE_FLAG,
  LOCAL_FLAG,
  OVERRIDE_FLAG,
  PIPELINE_FLAG,
  REF_FLAGS,
  REPO_FLAG,
} from "../common-flags.ts";
import { renderProblems, renderVerdicts } from "../render/diagnostics.ts";
import { toPipelineSelection } from "../selections.ts";
import { refuseWithServer } from "../server-flags.ts";

export default defineCicdCommand({
  flags: {
    ...FILE_FLAG,
    ...PIPELINE_FLAG,
    ...REPO_FLAG,
    ...LOCAL_FLAG,
    ...REF_FLAGS,
    ...OVERRIDE_FLAG,
    executor: { ...EXECUTION_FLAGS.executor, summary: "with shell, jobs need no image (also CICD_EXECUTOR)" },
  },
  details:
    "Without -f or -p every pipeline of the repository is checked. Exit status 2 when a file has errors.\n`cicd --check --config-file FILE` is the same.",
  examples: ["cicd check", "cicd check -f .cicd-pipelines/web.yml", "cicd check --json"],
  async run({ flags, config, output, signal, ...context }) {
    const selection = toPipelineSelection(flags, config.executor ?? "docker");
    refuseWithServer(await context.remote(), { "--executor": flags.executor });
    const files = await (await context.service()).check(selection, signal);
    const result = toCheckJson(files);
    if (output.json) await output.printJson(result);
    else {
      await output.out(renderProblems(files, output.style.out));
      if (!output.quiet) await output.out(renderVerdicts(files, output.style.out));
    }
    return result.valid ? EXIT.success : EXIT.usage;
  },
});
