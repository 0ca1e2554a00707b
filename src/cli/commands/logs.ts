import { defineCicdCommand } from "../command.ts";
import { LOCAL_FLAG, PIPELINE_FLAG, REPO_FLAG, RUN_NUMBER_FLAG, RUN_REF_FLAGS } from "../common-flags.ts";
import { toRunSelection } from "../selections.ts";
import { LogPrinter } from "../view/log-printer.ts";

export default defineCicdCommand({
  flags: {
    ...REPO_FLAG,
    ...LOCAL_FLAG,
    ...RUN_REF_FLAGS,
    ...PIPELINE_FLAG,
    ...RUN_NUMBER_FLAG,
    job: { kind: "string", short: "j", value: "JOB", summary: "one job; without it all, with prefixes" },
    follow: { kind: "boolean", short: "f", summary: "keep printing until the job or the run is over" },
  },
  details: "Without --run: the newest run. With --json: an object per piece of log, one per line.",
  examples: ["cicd logs", "cicd logs -p web --job unit", "cicd logs -f"],
  async run({ flags, output, signal, ...context }) {
    const service = await context.service();
    const run = await service.find(toRunSelection(flags), signal);
    if (flags.pipeline === undefined || flags.run === undefined)
      output.note(`${run.pipeline} #${run.number}`);
    const options = { ...(flags.job === undefined ? {} : { job: flags.job }), follow: flags.follow };
    const printer = new LogPrinter(output, { withPrefix: flags.job === undefined });
    for await (const piece of service.logs(run.id, options, signal)) await printer.print(piece);
    await printer.end();
    return undefined;
  },
});
