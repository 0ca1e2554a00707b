import { driveRuns } from "../../app/drive-runs.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import { defineCicdCommand } from "../command.ts";
import { EXECUTION_FLAGS, LOCAL_FLAG } from "../common-flags.ts";

/** What `run --detach` starts: drives runs that exist, with nobody watching. */
export default defineCicdCommand({
  positionals: { usage: "RUN-ID...", max: Number.POSITIVE_INFINITY },
  flags: { ...LOCAL_FLAG, jobs: EXECUTION_FLAGS.jobs },
  examples: ["cicd run --detach"],
  endsItself: true,
  async run({ positionals, app, config, interrupts }) {
    if (positionals.length === 0) throw new CicdError("USAGE", "no runs are named");
    const store = await app.store();
    for (const id of positionals) await store.setOwner(id, app.identity.owner);
    const kill = new AbortController();
    using _listening = interrupts.listen((count) => {
      if (count > 1) kill.abort();
    });
    const { maxParallelJobs, graceMs, logLimitBytes } = config;
    const options = { maxParallelJobs, graceMs, logLimitBytes, kill: kill.signal };
    await driveRuns(app, positionals, options, interrupts.signal);
    return undefined;
  },
});
