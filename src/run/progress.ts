import type { Plan } from "../plan/plan.ts";
import { type PlanGraph, planGraph } from "../plan/plan-graph.ts";
import { ACTIVE_JOB_STATES, type JobRecord, TERMINAL_JOB_STATES } from "./records.ts";
import { isCompleted, NORMAL_STATES, type NormalState, normalState } from "./status.ts";

/**
 * The jobs of one run, with what scheduling asks of them kept up to date: each change costs what depends on the job, not what
 * the plan has. All of it follows from the rows alone, so putting an old row back takes a change back.
 */
export class Progress {
  readonly graph: PlanGraph;
  readonly #plan: Plan;
  readonly #jobs: JobRecord[];
  /** How many jobs are in each normal state: of the run, and of each stage. */
  readonly #ofRun = new StateCounts();
  readonly #ofStage: readonly StateCounts[];
  /** How many of a job's needs are not completed. */
  readonly #waitingFor: number[];
  /** The first stage with a job that is not completed; their number where there is none. */
  #openStage = 0;
  /** The states of all stages before this one, for every stage up to `#openStage`. */
  readonly #before: NormalState[][] = [[]];
  /** Jobs that may have become ready since somebody last asked. */
  readonly #candidates = new Set<number>();
  #unstarted = 0;
  #begun = 0;
  #stopping = 0;

  /** `jobs` by index; the list is this object's from now on. */
  constructor(plan: Plan, jobs: JobRecord[]) {
    this.#plan = plan;
    this.#jobs = jobs;
    this.graph = planGraph(plan);
    this.#ofStage = plan.stages.map(() => new StateCounts());
    this.#waitingFor = this.graph.needs.map(
      (needs) => needs?.filter((need) => !isCompleted(normalState(jobs[need]!))).length ?? 0,
    );
    for (const job of jobs) {
      this.#count(job, 1);
      if (job.state === "created") this.#candidates.add(job.index);
    }
    this.#moveOpenStage();
  }

  get jobs(): readonly JobRecord[] {
    return this.#jobs;
  }

  /** The states that its jobs are in. */
  get states(): NormalState[] {
    return this.#ofRun.present();
  }

  /** A job was told to stop and is still there. */
  get isStopping(): boolean {
    return this.#stopping > 0;
  }

  /** A job has started. */
  get hasBegun(): boolean {
    return this.#begun > 0;
  }

  has(state: NormalState): boolean {
    return this.#ofRun.has(state);
  }

  /** Jobs that neither ended nor are at work. */
  unstarted(): JobRecord[] {
    return this.#unstarted === 0 ? [] : this.#jobs.filter(isUnstarted);
  }

  /** Replaces the row of that index. */
  put(job: JobRecord): void {
    const { index } = job;
    const old = this.#jobs[index]!;
    this.#jobs[index] = job;
    this.#count(old, -1);
    this.#count(job, 1);
    if (job.state === "created") this.#candidates.add(index);
    const [before, after] = [normalState(old), normalState(job)];
    if (before === after) return;
    this.#openStage = Math.min(this.#openStage, this.#stageOf(index));
    this.#moveOpenStage();
    if (isCompleted(before) !== isCompleted(after)) this.#tellDependents(index, isCompleted(after) ? -1 : 1);
  }

  /** The `created` jobs whose needs, or earlier stages, are completed, by index; each until it is another state or taken. */
  takeReady(): JobRecord[] {
    const ready = [...this.#candidates].filter((index) => this.#isReady(index)).sort((a, b) => a - b);
    this.#candidates.clear();
    return ready.map((index) => this.#jobs[index]!);
  }

  /** The states of what a ready job waited for. */
  statesBefore(index: number): NormalState[] {
    const needs = this.graph.needs[index]!;
    if (needs === null) return this.#before[this.#stageOf(index)]!;
    return needs.map((need) => normalState(this.#jobs[need]!));
  }

  #isReady(index: number): boolean {
    if (this.#jobs[index]!.state !== "created") return false;
    if (this.graph.needs[index] === null) return this.#stageOf(index) <= this.#openStage;
    return this.#waitingFor[index] === 0;
  }

  #stageOf(index: number): number {
    return this.#plan.jobs[index]!.stageIndex;
  }

  #count(job: JobRecord, by: 1 | -1): void {
    const state = normalState(job);
    this.#ofRun.add(state, by);
    this.#ofStage[this.#stageOf(job.index)]!.add(state, by);
    if (isUnstarted(job)) this.#unstarted += by;
    if (job.startedAt !== null) this.#begun += by;
    if (job.cancelRequested && ACTIVE_JOB_STATES.has(job.state)) this.#stopping += by;
  }

  #tellDependents(index: number, by: 1 | -1): void {
    for (const dependent of this.graph.dependents[index]!) {
      this.#waitingFor[dependent]! += by;
      if (this.#waitingFor[dependent] === 0) this.#candidates.add(dependent);
    }
  }

  /** On from where it stands, to the first stage that is not completed. */
  #moveOpenStage(): void {
    const from = this.#openStage;
    for (let stage = from; stage < this.#ofStage.length; stage += 1) {
      if (!this.#ofStage[stage]!.areCompleted) break;
      this.#before[stage + 1] = [...new Set([...this.#before[stage]!, ...this.#ofStage[stage]!.present()])];
      this.#openStage = stage + 1;
    }
    if (this.#openStage === from) return;
    for (const index of this.graph.stages[this.#openStage] ?? []) this.#candidates.add(index);
  }
}

/** How many jobs of a set are in each state. */
class StateCounts {
  readonly #counts = new Map<NormalState, number>();
  #uncompleted = 0;

  get areCompleted(): boolean {
    return this.#uncompleted === 0;
  }

  add(state: NormalState, by: 1 | -1): void {
    this.#counts.set(state, (this.#counts.get(state) ?? 0) + by);
    if (!isCompleted(state)) this.#uncompleted += by;
  }

  has(state: NormalState): boolean {
    return (this.#counts.get(state) ?? 0) > 0;
  }

  present(): NormalState[] {
    return NORMAL_STATES.filter((state) => this.has(state));
  }
}

function isUnstarted({ state }: JobRecord): boolean {
  return !TERMINAL_JOB_STATES.has(state) && !ACTIVE_JOB_STATES.has(state);
}
