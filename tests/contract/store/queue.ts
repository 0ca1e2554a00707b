import { describe, expect, test } from "bun:test";
import type { Lease } from "../../../src/run/records.ts";
import { runStatus } from "../../../src/run/status.ts";
import type { ClaimScope } from "../../../src/run/store.ts";
import { eventually } from "../../support/eventually.ts";
import { newRun, plannedJob, planOf } from "../../support/plans.ts";
import type { StoreUnderTest } from "../store.ts";
import {
  attemptOf,
  claim,
  claimed,
  detail,
  FAILURE,
  finish,
  job,
  ONE_JOB,
  QUEUE,
  SUCCESS,
  started,
  THREE_JOBS,
} from "./acts.ts";

export function queueContract(under: StoreUnderTest): void {
  describe("claims", () => {
    test("take the jobs in queue order and record the attempt", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", THREE_JOBS));
      const before = Date.now();
      const lease = await claimed(store, { worker: "w", leaseMs: 5_000 });
      expect(lease).toMatchObject({ runId: "a", jobId: "a-0", attempt: 1 });
      const attempt = await attemptOf(another, lease);
      expect(attempt).toMatchObject({ worker: "w", leaseToken: lease.token, outcome: null, startedAt: null });
      expect(attempt.leaseUntil - attempt.assignedAt).toBe(5_000);
      expect(Math.abs(attempt.assignedAt - before)).toBeLessThan(60_000);
      expect(await job(another, "a", "left")).toMatchObject({ state: "assigned", attempt: 1 });
      expect((await store.readEvents("a", 0, 100)).at(-1)).toMatchObject({
        type: "job.assigned",
        job: "left",
        attempt: 1,
        data: { worker: "w" },
      });
      expect((await claimed(another)).jobId).toBe("a-1");
      expect(await claim(store)).toBeUndefined();
    });

    test("are limited to the scope", async () => {
      const { store } = under;
      await store.createRun(newRun("local", ONE_JOB, { mode: "local" }));
      expect(await claim(store)).toBeUndefined();
      await store.createRun(newRun("queued", ONE_JOB));
      expect(await claim(store, { scope: { kind: "runs", runIds: [] } })).toBeUndefined();
      expect(await claim(store, { scope: { kind: "runs", runIds: ["none"] } })).toBeUndefined();
      expect(await claim(store, { scope: { kind: "runs", runIds: ["local"] } })).toMatchObject({
        runId: "local",
      });
      expect(await claim(store)).toMatchObject({ runId: "queued" });
      expect(await claim(store)).toBeUndefined();
    });

    test("go to workers of the run's executor that carry all tags of the job", async () => {
      const { store } = under;
      const tags = ["linux", 'a "quoted" one', "\ud800"];
      const plan = planOf([plannedJob("tagged", { tags }), plannedJob("plain")]);
      await store.createRun(newRun("a", plan, { executor: "docker" }));
      const ask = (executors: ("docker" | "shell")[], labels: string[]) =>
        claim(under.another, { scope: { kind: "queue", executors, labels } });
      expect(await ask(["shell"], tags)).toBeUndefined();
      expect(await ask([], tags)).toBeUndefined();
      expect(await ask(["shell", "docker"], ["linux"])).toMatchObject({ jobId: "a-1" });
      expect(await ask(["docker"], ["linux", "quoted"])).toBeUndefined();
      expect(await ask(["docker"], [])).toBeUndefined();
      expect(await ask(["docker"], ["more", ...tags])).toMatchObject({ jobId: "a-0" });
      await store.createRun(newRun("b", plan, { mode: "local", executor: "docker" }));
      const own = { kind: "runs" as const, runIds: ["b"] };
      expect(await claim(store, { scope: own })).toMatchObject({ jobId: "b-0" });
    });

    test("pass over a run that comes after another, until that one has ended or is gone", async () => {
      const { store, another } = under;
      const manual = planOf([
        plannedJob("first"),
        plannedJob("wait", { when: "manual", stage: "test", stageIndex: 1 }),
      ]);
      await store.createRun(newRun("a", manual));
      await store.createRun(newRun("b", ONE_JOB, { after: "a" }));
      await store.createRun(newRun("c", ONE_JOB, { after: "b" }));
      await store.createRun(newRun("d", ONE_JOB, { after: "deleted long ago" }));
      const first = await started(store);
      expect(first.runId).toBe("a");
      expect((await claimed(another)).runId).toBe("d");
      expect(await claim(another)).toBeUndefined();
      let hints = 0;
      using _watching = another.watch(() => {
        hints += 1;
      });
      await finish(store, first);
      expect((await detail(store, "a")).run.status).toBe("manual");
      await eventually(() => hints > 0);
      const second = await started(another);
      expect(second.runId).toBe("b");
      expect(await claim(store)).toBeUndefined();
      await finish(store, second, FAILURE);
      expect(await claim(another)).toMatchObject({ runId: "c" });
    });

    test("go to the run that waits longest first", async () => {
      const { store } = under;
      const made = [await store.createRun(newRun("z", ONE_JOB))];
      await eventually(async () => {
        made.push(await store.createRun(newRun(crypto.randomUUID(), ONE_JOB)));
        return made.at(-1)!.createdAt > made[0]!.createdAt;
      });
      made.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
      for (const { id } of made) expect((await claimed(store)).runId).toBe(id);
    });

    test("go to the job on the longest path first: of equal jobs the one that most depends on", async () => {
      const { store, another } = under;
      const plan = planOf([
        plannedJob("alone", { needs: [] }),
        plannedJob("tagged", { needs: [], tags: ["gpu"] }),
        plannedJob("head", { needs: [] }),
        plannedJob("middle", { needs: ["head", "tagged"] }),
        plannedJob("tail", { needs: ["middle"] }),
      ]);
      await store.createRun(newRun("a", plan));
      expect((await detail(another, "a")).jobs.map(({ priority }) => priority)).toEqual([1, 3, 3, 2, 1]);
      expect((await claimed(another)).jobId).toBe("a-2");
      expect((await claimed(store)).jobId).toBe("a-0");
      expect((await claimed(store, { scope: { ...QUEUE, labels: ["gpu"] } as ClaimScope })).jobId).toBe(
        "a-1",
      );
    });

    test("go by what the jobs took in earlier runs of the pipeline, also after a retry", async () => {
      const { store, another } = under;
      const plan = planOf([plannedJob("quick"), plannedJob("slow"), plannedJob("broken")]);
      await store.createRun(newRun("a", plan));
      const before = Date.now();
      await finish(store, await started(store));
      const quickMs = Date.now() - before;
      const slow = await started(store);
      const begun = Date.now();
      await finish(store, await started(store), FAILURE);
      await eventually(() => Date.now() > begun + 60 + quickMs);
      await finish(store, slow);
      await store.createRun(newRun("other", { ...plan, pipeline: "other" }));
      expect((await claimed(another)).jobId).toBe("other-0");
      expect((await job(store, "other", "slow")).priority).toBe(1);
      await store.execute("other", { type: "request_cancel", actor: "me" });
      await store.createRun(newRun("b", plan));
      const next = await started(another);
      expect(next.jobId).toBe("b-1");
      const { priority } = await job(store, "b", "slow");
      expect(priority).toBeGreaterThanOrEqual(60);
      const known = [(await job(store, "b", "quick")).priority, priority].sort((x, y) => x - y);
      expect((await job(another, "b", "broken")).priority).toBe(known[0]!);
      await finish(another, next, FAILURE);
      await store.execute("b", { type: "retry", jobs: ["slow"], actor: "me", owner: null });
      expect(await job(store, "b", "slow")).toMatchObject({ state: "pending", priority });
      expect((await claimed(store)).jobId).toBe("b-1");
    });

    test("leave runs in the order in which they wait, however long the paths of the later are", async () => {
      const { store, another } = under;
      const first = await store.createRun(newRun("a", planOf([plannedJob("x"), plannedJob("y")])));
      await eventually(() => Date.now() > first.createdAt + 5);
      const chain = planOf([
        plannedJob("one", { needs: [] }),
        plannedJob("two", { needs: ["one"] }),
        plannedJob("three", { needs: ["two"] }),
      ]);
      await store.createRun(newRun("0", chain));
      const order = [await claimed(store), await claimed(another), await claimed(store)];
      expect(order.map(({ jobId }) => jobId)).toEqual(["a-0", "a-1", "0-0"]);
    });

    test("make a new attempt, which is the one that is read by the job's name", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", THREE_JOBS));
      await store.createRun(newRun("b", THREE_JOBS, { pipeline: "other" }));
      const ofRun = { scope: { kind: "runs" as const, runIds: ["a"] } };
      await finish(store, await started(store, ofRun), FAILURE);
      await store.execute("a", { type: "retry", jobs: ["left"], actor: "me", owner: null });
      const both = [await started(store, ofRun), await started(store, ofRun)];
      const [left, right] = both.sort((one, two) => (one.jobId < two.jobId ? -1 : 1)) as [Lease, Lease];
      await finish(another, left, { ...SUCCESS, artifactLayer: "layer" });
      const newest = await another.readNewestAttempts("a", ["left", "right", "after", "none"]);
      expect([...newest.keys()].sort()).toEqual(["left", "right"]);
      expect(newest.get("left")).toEqual(await attemptOf(store, left));
      expect(newest.get("left")).toMatchObject({ number: 2, artifactLayer: "layer" });
      expect(newest.get("right")).toEqual(await attemptOf(store, right));
      expect((await store.readNewestAttempts("a", ["right"])).size).toBe(1);
      expect((await store.readNewestAttempts("none", ["right"])).size).toBe(0);
      expect(await store.readRunRecord("a")).toEqual((await detail(another, "a")).run);
      expect(await store.readRunRecord("none")).toBeUndefined();
    });

    test("never give one job to two: 500 jobs, 16 claimers, two connections", async () => {
      const jobs = Array.from({ length: 100 }, (_, i) => plannedJob(`j${i}`));
      await Promise.all([1, 2, 3, 4, 5].map((n) => under.store.createRun(newRun(`run-${n}`, planOf(jobs)))));
      const stores = [under.store, under.another];
      const taken: Lease[] = [];
      await Promise.all(
        Array.from({ length: 16 }, async (_, i) => {
          for (;;) {
            const lease = await claim(stores[i % 2]!, { worker: `w${i}` });
            if (lease === undefined) return;
            taken.push(lease);
          }
        }),
      );
      expect(taken).toHaveLength(500);
      expect(new Set(taken.map(({ jobId }) => jobId)).size).toBe(500);
      for (const n of [1, 2, 3, 4, 5]) {
        const found = await detail(under.another, `run-${n}`);
        expect(found.attempts).toHaveLength(100);
        expect(found.jobs.every(({ state, attempt }) => state === "assigned" && attempt === 1)).toBe(true);
      }
    }, 30_000);

    test("and cancels at the same time leave no job both claimed and canceled", async () => {
      const jobs = Array.from({ length: 40 }, (_, i) => plannedJob(`j${i}`));
      await under.store.createRun(newRun("a", planOf(jobs)));
      const claims = Array.from({ length: 20 }, (_, i) => claim(i % 2 ? under.store : under.another));
      const cancel = under.another.execute("a", { type: "request_cancel", actor: "me" });
      const leases = (await Promise.all(claims)).filter((lease) => lease !== undefined);
      expect((await cancel)?.kind).toBe("done");
      const { jobs: rows, attempts } = await detail(under.store, "a");
      expect(attempts).toHaveLength(leases.length);
      for (const row of rows) {
        const isClaimed = leases.some(({ jobId }) => jobId === row.id);
        expect([row.state, row.cancelRequested]).toEqual(
          isClaimed ? ["assigned", true] : ["canceled", false],
        );
      }
    });

    test("finishes, renewals, cancels, retries and deletions at once leave every run ended", async () => {
      const { store, another } = under;
      const stores = [store, another];
      const ids = Array.from({ length: 12 }, (_, i) => `run-${i}`);
      await Promise.all(ids.map((id, i) => stores[i % 2]!.createRun(newRun(id, THREE_JOBS))));
      let isDisturbed = true;
      const ended = async () =>
        !isDisturbed &&
        (await store.findRuns({ statuses: ["pending", "running", "canceling"] })).length === 0;
      const work = async (worker: number) => {
        const mine = stores[worker % 2]!;
        while (!(await ended())) {
          const lease = await claim(mine, { worker: `w${worker}` });
          if (lease === undefined) {
            await Bun.sleep(1);
            continue;
          }
          await mine.execute(lease.runId, { type: "start", lease, containerName: lease.jobId });
          await mine.renewLeases([lease], 60_000);
          const isBad = lease.attempt === 1 && worker === 0;
          await finish(stores[(worker + 1) % 2]!, lease, isBad ? FAILURE : SUCCESS);
        }
      };
      const disturb = async () => {
        await another.execute("run-3", { type: "request_cancel", actor: "me" });
        await store.execute("run-4", { type: "request_stop", actor: "me" });
        for (let round = 0; round < 6; round += 1) {
          for (const id of ids) {
            await another.execute(id, { type: "retry", jobs: "failed", actor: "me", owner: null });
          }
          await store.deleteRuns(["run-0", "run-1"]);
          await Bun.sleep(1);
        }
        isDisturbed = false;
      };
      await Promise.all([work(0), work(1), work(2), work(3), disturb()]);
      await store.deleteRuns(["run-0", "run-1"]);
      const left = await another.findRunDetails({});
      expect(left.map(({ run }) => run.id).sort()).toEqual(ids.slice(2).sort());
      for (const { run, jobs, attempts } of left) {
        expect(run.status).toBe(runStatus(jobs));
        expect(attempts.every(({ outcome }) => outcome !== null)).toBe(true);
      }
    }, 30_000);
  });

  describe("leases", () => {
    test("are live until they run out, and renewals extend them", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await claimed(store, { leaseMs: 30_000 });
      expect(await another.isLeaseLive(lease)).toBe(true);
      expect(await another.isLeaseLive({ ...lease, token: "x" })).toBe(false);
      expect(await another.isLeaseLive({ ...lease, attempt: 2 })).toBe(false);
      const { leaseUntil } = await attemptOf(store, lease);
      expect(await another.renewLeases([lease], 90_000)).toEqual([
        { lease, state: "held", cancelRequested: false },
      ]);
      expect((await attemptOf(store, lease)).leaseUntil).toBeGreaterThan(leaseUntil + 30_000);
      await store.renewLeases([lease], 1);
      await eventually(async () => !(await store.isLeaseLive(lease)));
      expect(await another.findExpiredLeases("queue")).toEqual([lease]);
      expect(await store.renewLeases([], 1_000)).toEqual([]);
    });

    test("that ran out are told apart by the mode of their runs", async () => {
      const { store, another } = under;
      await store.createRun(newRun("local", ONE_JOB, { mode: "local" }));
      await store.createRun(newRun("queued", ONE_JOB));
      const local = await claimed(store, { leaseMs: -10, scope: { kind: "runs", runIds: ["local"] } });
      const queued = await claimed(store, { leaseMs: -10 });
      expect(await another.findExpiredLeases("local")).toEqual([local]);
      expect(await another.findExpiredLeases("queue")).toEqual([queued]);
    });

    test("are answered one by one: held where the token matches and the attempt is unfinished", async () => {
      const { store } = under;
      await store.createRun(newRun("a", THREE_JOBS));
      const [left, right] = [await started(store), await started(store)];
      await finish(store, left);
      const stranger = { ...right, token: "x" };
      const answers = await under.another.renewLeases([left, right, stranger], 30_000);
      expect(answers.map(({ lease, state }) => [lease, state])).toEqual([
        [left, "lost"],
        [right, "held"],
        [stranger, "lost"],
      ]);
      expect(await store.isLeaseLive(left)).toBe(false);
    });

    test("of one worker are found and let run out; other workers keep theirs", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", THREE_JOBS));
      const dead = await started(store, { worker: "dead" });
      const alive = await started(store, { worker: "alive" });
      expect((await another.findAttemptsOf("dead")).map(({ jobId, number }) => [jobId, number])).toEqual([
        [dead.jobId, 1],
      ]);
      await another.expireLeasesOf("dead");
      expect(await store.findExpiredLeases("queue")).toEqual([dead]);
      expect([await store.isLeaseLive(dead), await store.isLeaseLive(alive)]).toEqual([false, true]);
      expect((await store.execute("a", { type: "reap", lease: dead }))?.kind).toBe("done");
      expect(await store.findAttemptsOf("dead")).toEqual([]);
      expect(await store.findAttemptsOf("alive")).toHaveLength(1);
    });
  });
}
