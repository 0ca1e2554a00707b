import { CicdError } from "../errors/cicd-error.ts";
import type { PlanResult } from "../plan/create-plan.ts";
import { startOrder } from "../plan/order.ts";
import type { Plan } from "../plan/plan.ts";
import type { Executor } from "../run/executor.ts";
import type { RunRecord } from "../run/records.ts";
import type { App, ExecutorKind } from "./app.ts";
import { fileWarnings } from "./file-warnings.ts";
import { type FactsAtHand, factsOfSource, type PlanRequest, planWithFacts } from "./gather-facts.ts";
import { loadPipelines } from "./load-pipelines.ts";
import { localWarnings, readLocalVariables } from "./local-variables.ts";
import { refuseNotManual } from "./refuse-not-manual.ts";
import type { LoadedFile, PreparedRuns, RunRequest } from "./run-request.ts";
import { secretNames } from "./secrets.ts";
import { takeByHand } from "./take-by-hand.ts";

/**
 * Records the runs that a request asks for, owned by this process, in the order of the files, and takes the snapshot
 * they run on. Nothing is recorded when one of the files is invalid or a selection leaves nothing. Throws NOT_FOUND,
 * NOTHING_TO_DO (`--job`, `--stage`, `on:`), and what loading, the snapshot and the store throw. Nothing is recorded before
 * `ready` fulfils either; its rejection is thrown. `slots`: how many jobs this process will run at the same time, 0 where another
 * one will.
 */
export async function prepareRuns(
  app: App,
  request: RunRequest,
  signal: AbortSignal,
  { ready = Promise.resolve(), slots = 0 }: { ready?: Promise<unknown>; slots?: number } = {},
): Promise<PreparedRuns> {
  const { phases } = app;
  phases.enter("source");
  const { source, files } = await loadPipelines(app, request, signal);
  if (files.some(({ pipeline }) => pipeline === undefined)) return { kind: "invalid", files };
  if (source === null) throw new CicdError("GIT_NOT_A_REPOSITORY", "a run needs a repository");
  const taken = takeByHand(files, request.pipeline !== undefined || request.file !== undefined);
  const root = source.source.repo.key;
  const local = await readLocalVariables(app.files, root);
  const facts = await factsOfSource(source, {
    ...request,
    local,
    secretNames: (key) => secretNames(app, key),
  });
  const { plans, warnings: doubts } = await planFiles(taken.files, request, facts);
  if (slots > 0) announce(app, request.executor, plans, slots);
  phases.enter("snapshot");
  await source.takeSnapshot(signal);
  phases.enter("sweep");
  await ready;
  phases.enter("record");
  const store = await app.store();
  signal.throwIfAborted();
  const runs: RunRecord[] = [];
  for (const plan of plans) {
    runs.push(
      await store.createRun({
        id: app.newId(),
        pipeline: plan.pipeline,
        source: source.source,
        trigger: request.trigger,
        mode: "local",
        executor: request.executor,
        owner: app.identity.owner,
        plan,
        overrides: request.overrides,
        delivery: null,
        after: null,
        parent: null,
      }),
    );
  }
  for (const { id } of runs) phases.follow(id);
  const open = await localWarnings(app, root, local, signal);
  const warnings = [
    ...source.warnings,
    ...open,
    ...doubts,
    ...(taken.note === undefined ? [] : [taken.note]),
  ];
  return { kind: "prepared", runs, source, warnings };
}

/** So that the executor can get ready while the run is being recorded. */
function announce(app: App, kind: ExecutorKind, [plan]: Plan[], slots: number): void {
  const [first] = plan?.jobs ?? [];
  if (plan === undefined || first?.image == null) return;
  const image = first.image.name;
  const atOnce = Math.min(slots, startOrder(plan)[0]!.length);
  const tell = (executor: Executor) => executor.prepare?.(image, { jobs: plan.jobs.length, atOnce });
  void app.executor(kind).then(tell, () => {
    // Whoever runs the first job finds out what is wrong.
  });
}

/**
 * A job or stage that is asked for must be in one of the files; the files that lack it are left out. Exported for
 * `dryrun`, which shows exactly what a run would do. `warnings`: a sentence each.
 */
export async function planFiles(
  files: LoadedFile[],
  request: PlanRequest,
  facts: FactsAtHand,
): Promise<{ plans: Plan[]; warnings: string[] }> {
  const results: PlanResult[] = [];
  for (const { pipeline } of files)
    if (pipeline !== undefined) results.push(await planWithFacts(pipeline, request, facts));
  const plans = results.flatMap(({ plan }) => plan ?? []);
  const doubts = results.flatMap((result) =>
    result.warnings.map(({ message, at }) => `${at.file}:${at.line}: ${message}`),
  );
  const warnings = [...fileWarnings(files), ...doubts];
  const problems = results.flatMap((result) => result.problems);
  const refused = problems.find(({ code }) => code === "USAGE");
  const problem = refused ?? problems[0];
  if (problem === undefined || (refused === undefined && plans.length > 0)) {
    refuseNotManual(request.manual ?? [], results);
    return { plans, warnings };
  }
  throw new CicdError(
    problem.code,
    problem.message,
    problem.hint === undefined ? {} : { hint: problem.hint },
  );
}
