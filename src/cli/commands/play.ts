import { readRun } from "../../app/find-run.ts";
import { playJobs } from "../../app/play-jobs.ts";
import { recover } from "../../app/recover.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import { defineCicdCommand } from "../command.ts";
import { EXECUTION_FLAGS, LOCAL_FLAG, PIPELINE_FLAG, REPO_FLAG, RUN_NUMBER_FLAG } from "../common-flags.ts";
import { runAndShow } from "../run-and-show.ts";
import { toRunSelection } from "../selections.ts";
import { refuseWithServer } from "../server-flags.ts";
import { exitStatusOf, showRuns } from "../show-runs.ts";
import { chooseView } from "../view/choose-view.ts";
import { watchRuns } from "../watch-runs.ts";

export default defineCicdCommand({
  positionals: { usage: "JOB [JOB]...", max: Number.POSITIVE_INFINITY },
  flags: { ...REPO_FLAG, ...LOCAL_FLAG, ...PIPELINE_FLAG, ...RUN_NUMBER_FLAG, jobs: EXECUTION_FLAGS.jobs },
  details: [
    "Starts manual jobs, and delayed ones at once, in the newest run or that of --run, also while it goes on or after it",
    "has ended. A run that another process drives stays with it and is only shown here.",
  ].join("\n"),
  examples: ["cicd play deploy", "cicd play deploy notify -p web --run 12"],
  endsItself: true,
  async run({ flags, positionals: jobs, ...context }) {
    const { app, config, interrupts, output } = context;
    if (jobs.length === 0) throw new CicdError("USAGE", "name a job", { hint: "cicd play JOB" });
    const remote = await context.remote();
    refuseWithServer(remote, { "--jobs": flags.jobs });
    const service = await context.service();
    const run = await service.find(toRunSelection(flags), interrupts.signal);
    if (remote !== undefined) {
      const { afterEvent } = await remote.play(run.id, { jobs }, interrupts.signal);
      return watchRuns(context, remote, [{ run, shown: { id: run.id, afterEvent, named: jobs } }]);
    }
    if (run.executor !== "fake") await recover(app, { sweep: true, executors: [run.executor] });
    const options = { jobs, actor: config.actor };
    const played = await playJobs(app, await readRun(app, run.id), options, interrupts.signal);
    const shown = [{ id: run.id, afterEvent: played.afterEvent, named: jobs }];
    if (played.isOurs) return runAndShow(context, shown);
    const ended = await showRuns({ service, output, view: chooseView(output) }, shown, interrupts.signal);
    return exitStatusOf(ended);
  },
});
