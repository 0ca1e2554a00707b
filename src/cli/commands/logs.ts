import { findRun } from "../../app/find-run.ts";
import { followLog } from "../../app/follow-log.ts";
import { recover } from "../../app/recover.ts";
import { defineCicdCommand } from "../command.ts";
import { PIPELINE_FLAG, REPO_FLAG, RUN_NUMBER_FLAG, RUN_REF_FLAGS } from "../common-flags.ts";
import { toRunSelection } from "../selections.ts";
import { LogPrinter } from "../view/log-printer.ts";

export default defineCicdCommand({
  flags: {
    ...REPO_FLAG,
    ...RUN_REF_FLAGS,
    ...PIPELINE_FLAG,
    ...RUN_NUMBER_FLAG,
    job: { kind: "string", short: "j", value: "JOB", summary: "one job; without it all, with prefixes" },
    follow: { kind: "boolean", short: "f", summary: "keep printing until the job or the run is over" },
  },
  details: "Without --run: the newest run. With --json: an object per piece of log, one per line.",
  examples: ["cicd logs", "cicd logs -p web --job unit", "cicd logs -f"],
  async run({ flags, app, output, signal }) {
    await recover(app, { sweep: false, executors: [] });
    const detail = await findRun(app, toRunSelection(flags), signal);
    const { run } = detail;
    if (flags.pipeline === undefined || flags.run === undefined)
      output.note(`${run.pipeline} #${run.number}`);
    const options = { ...(flags.job === undefined ? {} : { job: flags.job }), follow: flags.follow };
    const printer = new LogPrinter(output, { withPrefix: flags.job === undefined });
    for await (const piece of followLog(app, detail, options, signal)) await printer.print(piece);
    await printer.end();
    return undefined;
  },
});
