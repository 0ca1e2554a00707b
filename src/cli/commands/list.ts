import { defineCicdCommand } from "../command.ts";
import { LOCAL_FLAG, PIPELINE_FLAG, REPO_FLAG, RUN_REF_FLAGS } from "../common-flags.ts";
import { renderRunTable } from "../render/reports.ts";
import { refuseBoth, toRunSelection } from "../selections.ts";

const DEFAULT_LIMIT = 20;

export default defineCicdCommand({
  flags: {
    ...REPO_FLAG,
    ...LOCAL_FLAG,
    ...RUN_REF_FLAGS,
    ...PIPELINE_FLAG,
    all: { kind: "boolean", short: "a", summary: "of all repositories" },
    limit: { kind: "count", short: "n", value: "N", summary: `at most so many (default: ${DEFAULT_LIMIT})` },
  },
  examples: ["cicd list", "cicd list -p web -n 5", "cicd list --all"],
  async run({ flags, output, signal, ...context }) {
    for (const [name, value] of Object.entries({
      "-r": flags.repo,
      "-b": flags.branch,
      "-c": flags.commit,
      "-p": flags.pipeline,
    })) {
      refuseBoth(flags.all, "--all", value, name);
    }
    const selection = flags.all ? undefined : toRunSelection(flags);
    const service = await context.service();
    const result = await service.list(selection, { limit: flags.limit ?? DEFAULT_LIMIT }, signal);
    if (output.json) await output.printJson(result);
    else if (result.runs.length === 0) output.note("no runs are recorded");
    else await output.out(renderRunTable(result.runs, output.style.out, { withRepo: flags.all }));
    return undefined;
  },
});
