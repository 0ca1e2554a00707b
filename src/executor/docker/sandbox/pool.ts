import type { Outlook } from "../../../run/outlook.ts";
import type { Engine } from "../connection.ts";
import { Sandbox, type SandboxPlace } from "./sandbox.ts";

/** A sandbox costs the engine as much as 1.7 jobs save in it; where processors are idle meanwhile, it pays a little earlier. */
const JOBS_PER_SANDBOX = 1.5;
/** After so many whose jobs left something behind, no more are made unless others are used again more often. */
const TRIALS = 3;
/** How long after the last job of its run a sandbox waits for another. */
const IDLE_MS = 5_000;

/** A job that is about to start; sandboxes stay within a run and a network. */
export interface SandboxWish extends Omit<SandboxPlace, "name" | "labels"> {
  run: string;
  toCome: Outlook;
}

/** A job's stay in a sandbox, where it is the only one; or, without `networkMode`, in a network of its own. */
export interface SandboxStay {
  readonly networkMode: string | undefined;
  /** To be awaited before a container in it is started. Throws DOCKER_FAILED. */
  ready(): Promise<void>;
  /** The job is over; the first call counts. Never throws. */
  leave(end: SandboxEnd): void;
}

/** `stopped`: the job's container is known not to run. `unknown`: it is about to be removed. `left`: it goes on under another owner. */
export type SandboxEnd = "stopped" | "unknown" | "left";

/** The sandboxes of one run in one network. */
interface Group {
  /** That run now. */
  jobs: number;
  /** That may come, at most. */
  jobsToCome: number;
  /** That are about to start and have not found a sandbox yet. */
  seeking: number;
  /** Sandboxes in any state. */
  count: number;
  /** May still be on their way up: see `Sandbox.ready`. */
  free: Sandbox[];
  /** May be free in a moment: being created, or examined after a job. */
  coming: Set<Promise<void>>;
  idle: Timer | undefined;
  /** No job will come any more. */
  isClosed: boolean;
}

/**
 * The sandboxes of this process. One is used again only by a job of the same run, and only when it is proven to be as it was
 * before its first job; else it is removed. So a job finds nothing of another, as in a container with a network of its own.
 * They are made while a job runs alone, for those that may come after it; and for jobs that start together, where enough
 * others follow.
 */
export class SandboxPool implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #labels: () => Promise<Record<string, string>>;
  readonly #newName: () => string;
  /** By run and network. */
  readonly #groups = new Map<string, Group>();
  /** By network: of a run that has not begun yet. */
  readonly #nextGroups = new Map<string, Group>();
  readonly #work = new Set<Promise<void>>();
  readonly #unfitImages = new Set<string>();
  #reused = 0;
  #spoilt = 0;
  #isClosed = false;

  /** `labels` stand on every sandbox; asked for when the first is made. */
  constructor(engine: Engine, labels: () => Promise<Record<string, string>>, newName: () => string) {
    this.#engine = engine;
    this.#labels = labels;
    this.#newName = newName;
  }

  /** For the next run in that network: its first jobs find their sandboxes on their way. */
  prepare(place: Pick<SandboxWish, "image" | "network">, toCome: Outlook): void {
    const group = this.#nextGroups.get(place.network) ?? newGroup();
    this.#nextGroups.set(place.network, group);
    group.jobsToCome = toCome.jobs;
    this.#makeAhead(group, { ...place, toCome });
  }

  /** Never rejects. */
  async enter(wish: SandboxWish): Promise<SandboxStay> {
    const key = `${wish.run} ${wish.network}`;
    const group = this.#groups.get(key) ?? this.#takeNext(wish.network);
    this.#groups.set(key, group);
    clearTimeout(group.idle);
    group.jobs += 1;
    group.jobsToCome = wish.toCome.jobs;
    const isAlone = group.jobs === 1;
    group.seeking += 1;
    const free = await takeFree(group);
    group.seeking -= 1;
    const sandbox = free ?? (isAlone ? undefined : await this.#make(group, wish));
    this.#trim(group);
    if (isAlone) this.#makeAhead(group, wish);
    return this.#stay(key, group, sandbox, wish.image);
  }

  /** Removes all that are left, but for those whose jobs were left running for another process. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const [key, group] of [...this.#groups, ...this.#nextGroups]) this.#close(key, group);
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
  }

  #takeNext(network: string): Group {
    const group = this.#nextGroups.get(network) ?? newGroup();
    this.#nextGroups.delete(network);
    return group;
  }

  #makeAhead(group: Group, wish: Omit<SandboxWish, "run">): void {
    for (let missing = wish.toCome.atOnce - group.count; missing > 0; missing--) {
      const making: Promise<void> = this.#make(group, wish).then((sandbox) => {
        group.coming.delete(making);
        if (sandbox !== undefined) this.#keep(group, sandbox);
      });
      group.coming.add(making);
      this.#hold(making);
    }
  }

  /** Undefined: it does not pay, or cannot be. Never rejects. */
  async #make(group: Group, { image, network }: Omit<SandboxWish, "run">): Promise<Sandbox | undefined> {
    const doesPay = group.jobsToCome >= (group.count + 1) * JOBS_PER_SANDBOX;
    const isVain = this.#spoilt >= TRIALS && this.#spoilt > this.#reused;
    if (!doesPay || isVain || this.#isClosed || this.#unfitImages.has(image)) return undefined;
    group.count += 1;
    try {
      const place = { name: this.#newName(), image, network, labels: await this.#labels() };
      return await Sandbox.make(this.#engine, place);
    } catch {
      group.count -= 1;
      this.#unfitImages.add(image);
      return undefined;
    }
  }

  #stay(key: string, group: Group, sandbox: Sandbox | undefined, image: string): SandboxStay {
    let isOver = false;
    return {
      networkMode: sandbox?.networkMode,
      ready: async () => {
        try {
          await sandbox?.ready();
        } catch (error) {
          this.#unfitImages.add(image);
          throw error;
        }
      },
      leave: (end) => {
        if (isOver) return;
        isOver = true;
        group.jobs -= 1;
        if (sandbox !== undefined && end === "stopped") this.#check(group, sandbox);
        if (sandbox !== undefined && end === "unknown") this.#remove(group, sandbox);
        if (group.jobs > 0) return;
        group.idle = setTimeout(() => this.#close(key, group), group.jobsToCome === 0 ? 0 : IDLE_MS);
        group.idle.unref();
      },
    };
  }

  #check(group: Group, sandbox: Sandbox): void {
    if (!this.#isWanted(group)) {
      this.#remove(group, sandbox);
      return;
    }
    const check = sandbox.isClean().then((isClean) => {
      group.coming.delete(check);
      if (isClean) this.#reused += 1;
      else this.#spoilt += 1;
      if (isClean) this.#keep(group, sandbox);
      else this.#remove(group, sandbox);
    });
    group.coming.add(check);
    this.#hold(check);
  }

  #keep(group: Group, sandbox: Sandbox): void {
    if (this.#isWanted(group)) group.free.push(sandbox);
    else this.#remove(group, sandbox);
  }

  #isWanted(group: Group): boolean {
    return !this.#isClosed && !group.isClosed && group.jobsToCome + group.seeking > group.free.length;
  }

  #trim(group: Group): void {
    while (group.free.length > group.jobsToCome + group.seeking) this.#remove(group, group.free.pop()!);
  }

  #close(key: string, group: Group): void {
    clearTimeout(group.idle);
    for (const sandbox of group.free.splice(0)) this.#remove(group, sandbox);
    if (group.jobs > 0) return;
    group.isClosed = true;
    this.#groups.delete(key);
  }

  #remove(group: Group, sandbox: Sandbox): void {
    group.count -= 1;
    // The sweep finds by label what cannot be removed now.
    this.#hold(sandbox.remove().catch(() => {}));
  }

  #hold(work: Promise<void>): void {
    const held: Promise<void> = work.finally(() => this.#work.delete(held));
    this.#work.add(held);
  }
}

function newGroup(): Group {
  return {
    jobs: 0,
    jobsToCome: 0,
    seeking: 0,
    count: 0,
    free: [],
    coming: new Set(),
    idle: undefined,
    isClosed: false,
  };
}

/** Waits for those that will be known to be free, or not, in a moment. */
async function takeFree(group: Group): Promise<Sandbox | undefined> {
  for (;;) {
    const sandbox = group.free.shift();
    if (sandbox !== undefined || group.coming.size === 0) return sandbox;
    await Promise.race(group.coming);
  }
}
