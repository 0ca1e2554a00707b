import { describe, expect, test } from "bun:test";
import type { Store } from "../../../src/run/store.ts";
import { eventually } from "../../support/eventually.ts";
import { newRun } from "../../support/plans.ts";
import type { StoreUnderTest } from "../store.ts";
import { finish, ONE_JOB, started } from "./acts.ts";

export function watchContract(under: StoreUnderTest): void {
  describe("watching", () => {
    test("tells of every kind of change, one's own and another process's", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const hints = { own: 0, others: 0 };
      using _own = store.watch(() => {
        hints.own += 1;
      });
      using _others = another.watch(() => {
        hints.others += 1;
      });
      await settled(hints);
      const told = async (act: () => Promise<unknown>) => {
        const before = { ...hints };
        await act();
        await eventually(() => hints.own > before.own && hints.others > before.others);
        await settled(hints);
      };
      await told(() => store.createRun(newRun("b", ONE_JOB)));
      const lease = await started(store);
      await settled(hints);
      await told(() => store.appendLog({ ...lease, offset: 0, bytes: Buffer.from("x") }));
      await told(() => store.setOwner("a", { machineId: "m", bootId: "b", pid: 1, processStart: "1" }));
      await told(() => finish(store, lease));
    }, 20_000);

    test("ends when it is disposed of", async () => {
      let hints = 0;
      const watching = under.store.watch(() => {
        hints += 1;
      });
      await under.store.createRun(newRun("a", ONE_JOB));
      await eventually(() => hints > 0);
      watching[Symbol.dispose]();
      const before = hints;
      await changeSeenBySomebodyElse(under.store);
      expect(hints).toBe(before);
    });
  });
}

async function changeSeenBySomebodyElse(store: Store): Promise<void> {
  let seen = 0;
  using _watching = store.watch(() => {
    seen += 1;
  });
  await store.createRun(newRun("z", ONE_JOB));
  await eventually(() => seen > 0);
}

/** Until no hint has come for two looks in a row, longer apart in total than a poll. */
async function settled(hints: { own: number; others: number }): Promise<void> {
  let last = "";
  let quiet = 0;
  await eventually(
    () => {
      const now = JSON.stringify(hints);
      quiet = now === last ? quiet + 1 : 0;
      last = now;
      return quiet >= 2;
    },
    { everyMs: 60 },
  );
}
