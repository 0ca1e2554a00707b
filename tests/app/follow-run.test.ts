import { beforeEach, describe, expect, test } from "bun:test";
import { type FollowCursor, type FollowItem, followRun } from "../../src/app/follow-run.ts";
import { plannedJob, planOf } from "../support/plans.ts";
import { AppFixture } from "./fixture.ts";

const NEVER = new AbortController().signal;
const PLAN = planOf([plannedJob("unit"), plannedJob("lint")]);
const FAILED = { status: "failed", exitCode: 1, failureReason: "script_failure" } as const;

let fixture: AppFixture;
beforeEach(() => {
  fixture = new AppFixture();
});

const append = (jobId: string, attempt: number, offset: number, text: string) =>
  fixture.store.appendLog({ jobId, attempt, offset, bytes: new TextEncoder().encode(text) });

/** What is seen from a cursor on, to the end or the first item that `isLast` accepts. */
async function follow(
  runId: string,
  from?: FollowCursor,
  isLast: (item: FollowItem) => boolean = () => false,
): Promise<FollowItem[]> {
  const items: FollowItem[] = [];
  const options = { logs: true, ...(from === undefined ? {} : { from }) };
  for await (const item of followRun(fixture.store, runId, options, NEVER)) {
    items.push(item);
    if (isLast(item)) break;
  }
  return items;
}

const inWords = (item: FollowItem) =>
  item.kind === "event"
    ? [item.event.type, item.event.job].filter((word) => word !== null).join(" ")
    : `${item.job}/${item.attempt}@${item.offset}:${new TextDecoder().decode(item.bytes)}`;

/** A run of two jobs at the same time, the first of which fails and was retried since. */
async function recordRetried(): Promise<string> {
  const { run } = await fixture.record(PLAN);
  const leases = [await fixture.begin(run.id), await fixture.begin(run.id)];
  await append(leases[0]!.jobId, 1, 0, "one\n");
  await append(leases[1]!.jobId, 1, 0, "two\n");
  await append(leases[0]!.jobId, 1, 4, "more\n");
  await fixture.end(leases[0]!, FAILED);
  await fixture.end(leases[1]!);
  const owner = fixture.app.identity.owner;
  await fixture.store.execute(run.id, { type: "retry", jobs: "failed", actor: "me", owner });
  const again = await fixture.begin(run.id);
  await append(again.jobId, 2, 0, "mended\n");
  await fixture.end(again);
  return run.id;
}

describe("who goes on from a cursor", () => {
  test("sees everything after it and nothing twice, wherever it stands, over a retry too", async () => {
    const id = await recordRetried();
    const all = await follow(id);
    expect(all.map(inWords).filter((word) => word.includes("@"))).toEqual([
      "unit/1@0:one\nmore\n",
      "lint/1@0:two\n",
      "unit/2@0:mended\n",
    ]);
    for (const [index, { cursor }] of all.entries()) {
      expect((await follow(id, cursor)).map(inWords)).toEqual(all.slice(index + 1).map(inWords));
    }
  });

  test("in the middle of a log goes on at its byte", async () => {
    const { run } = await fixture.record(PLAN);
    const [unit, lint] = [await fixture.begin(run.id), await fixture.begin(run.id)];
    await append(unit.jobId, 1, 0, "abc");
    const first = await follow(run.id, undefined, ({ kind }) => kind === "log");
    const { cursor } = first.at(-1)!;
    expect(cursor.logs).toEqual([
      { job: "unit", attempt: 1, offset: 3 },
      { job: "lint", attempt: 1, offset: 0 },
    ]);
    await append(unit.jobId, 1, 3, "def");
    await append(lint.jobId, 1, 0, "xyz");
    for (const lease of [unit, lint]) await fixture.end(lease);
    const rest = (await follow(run.id, cursor)).map(inWords);
    expect(rest).toEqual([
      "unit/1@3:def",
      "job.finished unit",
      "lint/1@0:xyz",
      expect.stringMatching(/^(job|run)\./),
      expect.stringMatching(/^run\.finished$/),
    ]);
  });

  test("after the end of a run sees what came since it was reopened", async () => {
    const { run } = await fixture.record(planOf([plannedJob("unit")]), { unit: FAILED });
    const end = (await follow(run.id)).at(-1)!.cursor;
    expect(await follow(run.id, end)).toEqual([]);
    const owner = fixture.app.identity.owner;
    await fixture.store.execute(run.id, { type: "retry", jobs: "failed", actor: "me", owner });
    const lease = await fixture.begin(run.id);
    await append(lease.jobId, 2, 0, "again");
    await fixture.end(lease);
    const seen = (await follow(run.id, end)).map(inWords);
    expect(seen[0]).toBe("run.reopened");
    expect(seen.filter((word) => word.includes("@"))).toEqual(["unit/2@0:again"]);
    expect(seen.at(-1)).toBe("run.finished");
  });

  test("without logs opens none", async () => {
    const id = await recordRetried();
    const items: FollowItem[] = [];
    for await (const item of followRun(fixture.store, id, { logs: false }, NEVER)) items.push(item);
    expect(items.every(({ kind, cursor }) => kind === "event" && cursor.logs.length === 0)).toBe(true);
  });
});
