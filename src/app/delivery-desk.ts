import { messageOf } from "../errors/cicd-error.ts";
import {
  ATTEMPTS_IN_ORDER,
  type DeliveryRecord,
  type DeliveryResult,
  type NewDelivery,
} from "../run/registry.ts";
import type { App } from "./app.ts";
import { type TriggerOptions, triggerRuns } from "./trigger-runs.ts";
import { withinMs } from "./wait.ts";

/** How many repositories' events are acted upon at the same time. */
const AT_ONCE = 4;
const TIME_LIMIT_MS = 100_000;
/** A server that dies holds an event up for so long. */
const LEASE_MS = 10_000;
const RENEWAL_MS = 3_000;
/** With the pauses between them a quarter of an hour. */
const MAX_ATTEMPTS = 12;
/** How far a late one looks for its successors. */
const MAX_NEWER = 1_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5 * 60_000;

/**
 * Takes the events of repositories' hosts: what it was given is recorded first and then acted upon, by this server or by another,
 * so that no crash loses it. Those of one repository are acted upon in the order in which they came.
 */
export class DeliveryDesk implements AsyncDisposable {
  private readonly working = new Set<Promise<void>>();
  private readonly waiting = new Map<string, PromiseWithResolvers<DeliveryResult | undefined>>();
  private readonly closing = new AbortController();

  constructor(
    private readonly app: App,
    private readonly options: TriggerOptions,
  ) {}

  /**
   * Records an event and waits up to `waitMs` for what becomes of it. `isNew` false: it was here before, and nothing is done
   * again. Undefined: there is no such repository. Throws what the store throws; it is not recorded then.
   */
  async take(
    delivery: NewDelivery,
    waitMs: number,
  ): Promise<{ record: DeliveryRecord; isNew: boolean } | undefined> {
    const registry = await this.app.registry();
    const done = Promise.withResolvers<DeliveryResult | undefined>();
    this.waiting.set(delivery.id, done);
    try {
      const record = await registry.recordDelivery(delivery);
      if (record === undefined) return undefined;
      const isNew = record.id === delivery.id;
      if (!isNew) return { record, isNew };
      this.wake();
      const result = await withinMs(done.promise, waitMs);
      return { record: result === undefined ? record : { ...record, result }, isNew };
    } finally {
      this.waiting.delete(delivery.id);
    }
  }

  /** Sets about what is to be acted upon, if there is anything. */
  wake(): void {
    if (this.working.size >= AT_ONCE || this.closing.signal.aborted) return;
    const work = this.work().catch((error: unknown) => this.tell("error", messageOf(error), null));
    this.working.add(work);
    void work.finally(() => this.working.delete(work));
  }

  /** Ends when nothing is under way; what was not finished is taken up again later, here or elsewhere. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.closing.abort();
    await Promise.all(this.working);
  }

  private async work(): Promise<void> {
    const registry = await this.app.registry();
    while (!this.closing.signal.aborted) {
      const delivery = await registry.claimDelivery(LEASE_MS);
      if (delivery === undefined) return;
      await this.act(delivery);
    }
  }

  private async act(delivery: DeliveryRecord): Promise<void> {
    const { id, attempts } = delivery;
    const registry = await this.app.registry();
    try {
      const result = await this.trigger(delivery);
      await registry.finishDelivery(id, attempts, result);
      this.tellResult(delivery, result);
      this.waiting.get(id)?.resolve(result);
    } catch (error) {
      if (attempts < MAX_ATTEMPTS || this.closing.signal.aborted) {
        const pauseMs = this.closing.signal.aborted
          ? 0
          : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempts);
        await registry.postponeDelivery(id, attempts, pauseMs);
        this.tell("warn", `It is tried again: ${messageOf(error)}`, delivery);
        this.waiting.get(id)?.resolve(undefined);
        return;
      }
      const result = { runs: [], notes: [`given up after ${attempts} attempts: ${messageOf(error)}`] };
      await registry.finishDelivery(id, attempts, result);
      this.waiting.get(id)?.resolve(result);
      this.tell("error", result.notes[0]!, delivery);
    }
  }

  /** Should two servers be at it after all, they make the same runs. */
  private async trigger(record: DeliveryRecord): Promise<DeliveryResult> {
    const { id, attempts, repositoryId, hostId, event } = record;
    const registry = await this.app.registry();
    const repository = await registry.findRepository({ id: repositoryId });
    if (repository === undefined) return { runs: [], notes: ["the repository is not known any more"] };
    const renew = () => void registry.postponeDelivery(id, attempts, LEASE_MS).catch(() => {});
    const renewing = setInterval(renew, RENEWAL_MS);
    try {
      const limit = AbortSignal.any([this.closing.signal, AbortSignal.timeout(TIME_LIMIT_MS)]);
      const how = { delivery: `webhook:${hostId}`, isLate: await this.isLate(record) };
      return await triggerRuns(this.app, repository, event, how, this.options, limit);
    } finally {
      clearInterval(renewing);
    }
  }

  /** Newer ones of its repository did not wait for it. */
  private async isLate({ id, attempts, repositoryId }: DeliveryRecord): Promise<boolean> {
    if (attempts <= ATTEMPTS_IN_ORDER) return false;
    const newestFirst = await (await this.app.registry()).listDeliveries(repositoryId, MAX_NEWER);
    const own = newestFirst.findIndex((record) => record.id === id);
    return own < 0 || newestFirst.slice(0, own).some((newer) => newer.attempts > 0);
  }

  private tellResult(delivery: DeliveryRecord, { runs, notes }: DeliveryResult): void {
    const made = runs.map(({ pipeline, number }) => `${pipeline} #${number}`).join(", ");
    this.tell("info", [made === "" ? "no run" : made, ...notes].join("; "), delivery);
  }

  private tell(level: "info" | "warn" | "error", text: string, delivery: DeliveryRecord | null): void {
    const fields = delivery && { repository: delivery.repositoryId, delivery: delivery.hostId };
    const event = level === "info" ? "delivery.done" : "delivery.failed";
    this.options.log({ level, event, text, fields: fields ?? {} });
  }
}
