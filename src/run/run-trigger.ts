import { formatDuration } from "../pipeline/duration.ts";
import { insertValues } from "../plan/expand.ts";
import type { Plan } from "../plan/plan.ts";
import type { Attempt, AttemptContext, AttemptSignals } from "./attempt.ts";
import { readDotenvOf } from "./attempt-inputs.ts";
import { NO_ARTIFACTS } from "./attempt-results.ts";
import { childDelivery, childRunId } from "./child-run.ts";
import { type Outcome, type RunEvent, type RunRecord, TERMINAL_RUN_STATUSES } from "./records.ts";
import { isGivenUp } from "./storing.ts";
import { Wakeable } from "./wakeable.ts";

/** A busy database gives hints all the time. */
const HINT_MS = 50;
const POLL_MS = 2_000;
const EVENTS_PER_READ = 500;

/**
 * Carries out a job that starts a pipeline: makes its run, which is found again however often the attempt is taken up, and follows it
 * where the job depends on it. That run belongs to whom this one does and takes its slots from the same workers. A cancel or
 * stop of the job's own run is handed on.
 */
export async function runTrigger(
  context: AttemptContext,
  attempt: Attempt,
  signals: Pick<AttemptSignals, "stop" | "kill">,
): Promise<Outcome> {
  const { plan, depend } = attempt.planned.trigger!;
  if (plan.jobs.length === 0) {
    const why = plan.leftOut[0]?.reason ?? "it has no jobs";
    await attempt.log.note(`nothing is started: ${why}`);
    return { ...FAILED, message: `nothing was started: ${why}` };
  }
  const child = await createChild(context, attempt);
  context.onChild(child.id);
  await attempt.log.note(`started ${nameOf(child)}`);
  return depend ? new Follower(context, attempt, signals).follow(child) : SUCCESS;
}

async function createChild(context: AttemptContext, attempt: Attempt): Promise<RunRecord> {
  const { run, lease, planned, storing } = attempt;
  const { source, mode, executor } = run;
  const plan = withDotenv(planned.trigger!.plan, await readDotenvOf(context, attempt));
  const earlier = lease.attempt > 1 ? await childOfLost(context, attempt) : undefined;
  if (earlier !== undefined) return earlier;
  const create = async () => {
    const { owner } = (await context.store.readRunRecord(run.id)) ?? run;
    return context.store.createRun({
      id: childRunId(lease),
      pipeline: `${run.pipeline}/${planned.name}`,
      ...{ source, trigger: "pipeline", mode, executor, owner, delivery: childDelivery(lease) },
      plan,
      overrides: [],
      after: null,
      parent: { runId: run.id, jobId: lease.jobId },
    });
  };
  return context.persist("start a pipeline", create, storing.giveUp);
}

/** An attempt whose worker was lost had started a run, or taken one up, which went on without it: it is not started again. */
async function childOfLost(
  { store, persist }: AttemptContext,
  { run, lease, storing }: Attempt,
): Promise<RunRecord | undefined> {
  const { jobId } = lease;
  const read = async () => {
    const attempts = (await store.readRun(run.id))?.attempts.filter((each) => each.jobId === jobId) ?? [];
    for (let attempt = lease.attempt - 1; attempt > 0; attempt -= 1) {
      const earlier = attempts.find(({ number }) => number === attempt);
      if (earlier?.failureReason !== "worker_lost") return undefined;
      const child = await store.readRunRecord(childRunId({ jobId, attempt }));
      if (child !== undefined) return child;
    }
  };
  return persist("read a run", read, storing.giveUp);
}

/** What is handed on may refer to what earlier jobs have found out; rules, which were decided before, do not see it. */
function withDotenv(plan: Plan, dotenv: Record<string, string>): Plan {
  if (Object.keys(dotenv).length === 0) return plan;
  const filled = Object.entries(plan.variables.run).map(([name, variable]) => {
    if (typeof variable === "string") return [name, insertValues(variable, dotenv)];
    return [name, variable.expand ? { ...variable, value: insertValues(variable.value, dotenv) } : variable];
  });
  return { ...plan, variables: { ...plan.variables, run: Object.fromEntries(filled) } };
}

/** Waits for the end of a run and tells the job's log of it. */
class Follower {
  private readonly awake = new Wakeable();
  private lastEvent = 0;
  private isCanceled = false;
  private isStopped = false;
  private waits = false;

  constructor(
    private readonly context: AttemptContext,
    private readonly attempt: Attempt,
    private readonly signals: Pick<AttemptSignals, "stop" | "kill">,
  ) {}

  async follow({ id }: RunRecord): Promise<Outcome> {
    const { context, signals, attempt } = this;
    const wake = () => this.awake.wake();
    using _hint = context.store.watch(() => this.awake.wake(HINT_MS));
    signals.stop.addEventListener("abort", wake);
    signals.kill.addEventListener("abort", wake);
    try {
      for (;;) {
        if (isGivenUp(signals.stop)) attempt.storing.abandon();
        if (attempt.storing.isOver) return CANCELED;
        const child = await this.look(id);
        if (child === undefined) return { ...FAILED, message: "its pipeline's run was deleted" };
        if (TERMINAL_RUN_STATUSES.has(child.status)) return await this.ended(child);
        await this.handOn(child);
        if (signals.kill.aborted) return CANCELED;
        await this.awake.sleep(POLL_MS);
      }
    } finally {
      signals.stop.removeEventListener("abort", wake);
      signals.kill.removeEventListener("abort", wake);
    }
  }

  /** How the run stands, once everything that came before is told. */
  private async look(id: string): Promise<RunRecord | undefined> {
    const { store } = this.context;
    const child = await this.persist("follow a pipeline", () => store.readRunRecord(id));
    if (child === undefined) return undefined;
    for (;;) {
      const read = () => store.readEvents(id, this.lastEvent, EVENTS_PER_READ);
      const events = await this.persist("follow a pipeline", read);
      for (const event of events) {
        this.lastEvent = event.id;
        if (event.type === "job.finished") await this.attempt.log.note(lineOf(child, event));
      }
      if (events.length < EVENTS_PER_READ) return child;
    }
  }

  private async handOn(child: RunRecord): Promise<void> {
    const { store } = this.context;
    const { run, log } = this.attempt;
    if (child.status === "manual" && !this.waits)
      await log.note(`${nameOf(child)} waits for a manual job: cicd play -p ${child.pipeline} JOB`);
    this.waits = child.status === "manual";
    if (this.signals.stop.aborted && !this.isCanceled) {
      this.isCanceled = true;
      const cancel = { type: "request_cancel", actor: run.pipeline } as const;
      await this.persist("cancel a pipeline", () => store.execute(child.id, cancel));
    }
    const parent = await this.persist("read a run", () => store.readRunRecord(run.id));
    if (parent?.stopRequestedAt == null || this.isStopped) return;
    this.isStopped = true;
    const stop = { type: "request_stop", actor: run.pipeline } as const;
    await this.persist("stop a pipeline", () => store.execute(child.id, stop));
  }

  private async ended(child: RunRecord): Promise<Outcome> {
    const warnings = child.warnings ? " with warnings" : "";
    const message = `${nameOf(child)} ended: ${child.status}${warnings}`;
    await this.attempt.log.note(message);
    if (child.status === "success") return SUCCESS;
    return child.status === "canceled" && this.isCanceled ? CANCELED : { ...FAILED, message };
  }

  private persist<T>(doing: string, act: () => Promise<T>): Promise<T> {
    return this.context.persist(doing, act, this.attempt.storing.giveUp);
  }
}

function lineOf(child: RunRecord, { job, data }: RunEvent): string {
  const { status, allowed, durationMs } = data;
  const took = typeof durationMs === "number" ? ` ${formatDuration(durationMs)}` : "";
  return `${nameOf(child)}: ${job} ${String(status)}${allowed === true ? " (allowed)" : ""}${took}`;
}

function nameOf({ pipeline, number }: RunRecord): string {
  return `${pipeline} #${number}`;
}

const NOTHING = { exitCode: null, logBytes: 0, logSha256: null, message: null, ...NO_ARTIFACTS };
const SUCCESS: Outcome = { ...NOTHING, status: "success", failureReason: null };
const FAILED: Outcome = { ...NOTHING, status: "failed", failureReason: "child_failed" };
const CANCELED: Outcome = { ...NOTHING, status: "canceled", failureReason: "canceled" };
