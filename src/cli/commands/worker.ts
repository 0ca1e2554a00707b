import { describeQueueEvent } from "../../app/describe-queue-event.ts";
import type { QueueEvent } from "../../app/queue-event.ts";
import { TIDY_TIMES, tidyFiles } from "../../app/tidy-files.ts";
import { workQueue } from "../../app/work-queue.ts";
import { toDuration } from "../../config/settings.ts";
import { EXIT } from "../../errors/codes.ts";
import { defineCicdCommand } from "../command.ts";
import { EXECUTION_FLAGS, WORKER_FLAGS } from "../common-flags.ts";
import { refuseServer } from "../server-flags.ts";
import { workerSettings } from "../worker-settings.ts";
import { writeLogLines } from "../write-log-lines.ts";

const LONGEST_DRAIN_MS = 24 * 3_600_000;

export default defineCicdCommand({
  flags: {
    ...WORKER_FLAGS,
    ...EXECUTION_FLAGS,
    "drain-timeout": {
      kind: "string",
      value: "DURATION",
      summary: "how long the first SIGTERM waits for running jobs (default: until they are done)",
    },
  },
  details: `Takes jobs from the queue of a team's database and runs them on this host. The first SIGTERM takes no
new jobs and waits for those that run; the second hands them over: they go on, and the next worker
of the same name on this host takes them up again. A third kills the worker at once, to the same effect.`,
  examples: [
    "cicd worker --database postgres://cicd@db.example.org/cicd --shared s3://cicd",
    "cicd worker --name build-1 --labels linux,gpu --jobs 8",
  ],
  isService: true,
  async run({ flags, app, config, host, interrupts, output }) {
    refuseServer(flags, "worker");
    const drain = flags["drain-timeout"];
    const handOver = new AbortController();
    using _listening = interrupts.listen((count) => {
      if (count > 1) handOver.abort();
      if (count > 2) process.exit(EXIT.interrupted);
    });
    const options = {
      ...workerSettings(config),
      version: host.version,
      drainTimeoutMs:
        drain === undefined ? null : toDuration({ text: drain, origin: "--drain-timeout" }, LONGEST_DRAIN_MS),
      handOver: handOver.signal,
    } as const;
    const log = writeLogLines(output, app.now);
    const observe = (event: QueueEvent) => log(describeQueueEvent(event));
    const over = new AbortController();
    const tidying = tidyFiles(app, TIDY_TIMES, observe, over.signal);
    try {
      await workQueue(app, { ...options, observe }, interrupts.signal);
    } finally {
      over.abort();
      await tidying;
    }
    return undefined;
  },
});
