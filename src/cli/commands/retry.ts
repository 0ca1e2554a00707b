import { readRun } from "../../app/find-run.ts";
import { recover } from "../../app/recover.ts";
import { reopenRun } from "../../app/retry-run.ts";
import { defineCicdCommand } from "../command.ts";
import { EXECUTION_FLAGS, LOCAL_FLAG, PIPELINE_FLAG, REPO_FLAG, RUN_NUMBER_FLAG } from "../common-flags.ts";
import { runAndShow } from "../run-and-show.ts";
import { refuseBoth, toRunSelection } from "../selections.ts";
import { refuseWithServer } from "../server-flags.ts";
import { watchRuns } from "../watch-runs.ts";

export default defineCicdCommand({
  flags: {
    ...REPO_FLAG,
    ...LOCAL_FLAG,
    ...PIPELINE_FLAG,
    ...RUN_NUMBER_FLAG,
    failed: { kind: "boolean", summary: "everything that failed or was canceled (the default)" },
    job: {
      kind: "list",
      short: "j",
      value: "JOB",
      summary: "this job, or start it if it is manual; may be repeated",
    },
    jobs: EXECUTION_FLAGS.jobs,
  },
  details: [
    "Without --run: the newest run. What succeeded stays as it is, with its artifacts. A job that waits to be started",
    "by hand is started when --job names it.",
  ].join("\n"),
  examples: ["cicd retry", "cicd retry -p web --run 12 --job unit", "cicd retry --job deploy"],
  endsItself: true,
  async run({ flags, ...context }) {
    const { app, config, interrupts } = context;
    refuseBoth(flags.failed, "--failed", flags.job, "--job");
    const remote = await context.remote();
    refuseWithServer(remote, { "--jobs": flags.jobs });
    const service = await context.service();
    const run = await service.find(toRunSelection(flags), interrupts.signal);
    const { id, executor } = run;
    if (remote !== undefined) {
      const { afterEvent } = await remote.retry(id, { jobs: flags.job }, interrupts.signal);
      return watchRuns(context, remote, [{ run, shown: { id, afterEvent, named: flags.job } }]);
    }
    if (executor !== "fake") await recover(app, { sweep: true, executors: [executor] });
    const options = { jobs: flags.job, actor: config.actor };
    const reopened = await reopenRun(app, await readRun(app, id), options, interrupts.signal);
    const runs = [{ id: reopened.runId, afterEvent: reopened.afterEvent, named: flags.job }];
    return runAndShow(context, runs);
  },
});
