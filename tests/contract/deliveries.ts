import { beforeEach, describe, expect, test } from "bun:test";
import type { NewDelivery, Registry } from "../../src/run/registry.ts";
import { eventually } from "../support/eventually.ts";

const LEASE_MS = 60_000;

const delivery = (id: string, change: Partial<NewDelivery> = {}): NewDelivery => ({
  id,
  repositoryId: "a",
  hostId: `host's ${id}`,
  digest: null,
  event: { kind: "push", branch: "main", commit: "0".repeat(40), before: null },
  ...change,
});

const done = { runs: [{ id: "run", pipeline: "web", number: 3 }], notes: ["docs: no file was changed"] };

export function deliveryContract(under: { readonly registry: Registry; readonly another: Registry }): void {
  describe("deliveries", () => {
    beforeEach(async () => {
      for (const id of ["a", "b"]) {
        const rest = { name: id, url: `https://x/${id}`, defaultBranch: "main", webhookSecret: "s" };
        await under.registry.addRepository({ id, key: `https://x/${id}`, ...rest });
      }
    });

    test("are kept with their event and found again, and are the same when they come again", async () => {
      const { registry, another } = under;
      const first = (await registry.recordDelivery(delivery("1", { digest: "d" })))!;
      expect(first).toEqual({
        ...delivery("1", { digest: "d" }),
        receivedAt: first.receivedAt,
        attempts: 0,
        result: null,
      });
      expect(Math.abs(first.receivedAt - Date.now())).toBeLessThan(60_000);
      expect((await another.recordDelivery(delivery("2", { hostId: "host's 1" })))!.id).toBe("1");
      expect((await another.recordDelivery(delivery("3", { digest: "d" })))!.id).toBe("1");
      expect((await another.recordDelivery(delivery("4", { digest: "d", repositoryId: "b" })))!.id).toBe("4");
      expect((await another.recordDelivery(delivery("5")))!.id).toBe("5");
      expect((await another.recordDelivery(delivery("6")))!.id).toBe("6");
      expect((await another.listDeliveries("a", 2)).map(({ id }) => id)).toEqual(["6", "5"]);
      expect(await another.findDelivery("1")).toEqual(first);
      expect(await another.findDelivery("2")).toBeUndefined();
    });

    test("of a repository that is not there are not taken, and go with it", async () => {
      const { registry, another } = under;
      expect(await registry.recordDelivery(delivery("1", { repositoryId: "none" }))).toBeUndefined();
      await registry.recordDelivery(delivery("2"));
      await another.removeRepository("a");
      expect(await registry.findDelivery("2")).toBeUndefined();
    });

    test("of which the same comes at the same moment are one", async () => {
      const records = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          (i % 2 ? under.registry : under.another).recordDelivery(
            delivery(`${i}`, { hostId: "x", digest: "y" }),
          ),
        ),
      );
      expect(new Set(records.map((record) => record!.id)).size).toBe(1);
    });

    test("of a repository are claimed one after another, in their order", async () => {
      const { registry, another } = under;
      for (const id of ["1", "2"]) await registry.recordDelivery(delivery(id));
      await registry.recordDelivery(delivery("3", { repositoryId: "b" }));
      const first = (await another.claimDelivery(LEASE_MS))!;
      expect([first.id, first.attempts]).toEqual(["1", 1]);
      expect((await registry.claimDelivery(LEASE_MS))!.id).toBe("3");
      expect(await another.claimDelivery(LEASE_MS)).toBeUndefined();
      expect(await another.finishDelivery("1", 1, done)).toBe(true);
      expect((await registry.findDelivery("1"))!.result).toEqual(done);
      expect((await another.claimDelivery(LEASE_MS))!.id).toBe("2");
    });

    test("are claimed once, however many claim at the same time", async () => {
      for (let i = 0; i < 6; i++) await under.registry.recordDelivery(delivery(`${i}`));
      const claim = (i: number) => (i % 2 ? under.registry : under.another).claimDelivery(LEASE_MS);
      for (let round = 0; round < 6; round++) {
        const claimed = (await Promise.all(Array.from({ length: 8 }, (_, i) => claim(i)))).filter(Boolean);
        expect(claimed.map((record) => record!.id)).toEqual([`${round}`]);
        await under.registry.finishDelivery(`${round}`, 1, done);
      }
      expect(await claim(0)).toBeUndefined();
    });

    test("are claimed again when their lease is over; whoever had them before changes nothing then", async () => {
      const { registry, another } = under;
      await registry.recordDelivery(delivery("1"));
      await registry.claimDelivery(1);
      const again = await eventually(() => another.claimDelivery(LEASE_MS));
      expect(again!.attempts).toBe(2);
      expect(await registry.finishDelivery("1", 1, done)).toBe(false);
      expect(await registry.postponeDelivery("1", 1, 0)).toBe(false);
      expect(await another.postponeDelivery("1", 2, 0)).toBe(true);
      expect((await registry.claimDelivery(LEASE_MS))!.attempts).toBe(3);
      expect(await registry.finishDelivery("1", 3, done)).toBe(true);
      expect(await registry.finishDelivery("1", 3, done)).toBe(false);
    });

    test("that were taken up more than three times hold up no later ones", async () => {
      const { registry, another } = under;
      for (const id of ["1", "2"]) await registry.recordDelivery(delivery(id));
      for (let attempt = 1; attempt <= 3; attempt++) {
        expect(await registry.claimDelivery(LEASE_MS)).toMatchObject({ id: "1", attempts: attempt });
        expect(await another.claimDelivery(LEASE_MS)).toBeUndefined();
        await registry.postponeDelivery("1", attempt, 0);
      }
      expect(await registry.claimDelivery(LEASE_MS)).toMatchObject({ id: "1", attempts: 4 });
      expect(await another.claimDelivery(LEASE_MS)).toMatchObject({ id: "2", attempts: 1 });
    });

    test("are forgotten when they are old and finished", async () => {
      const { registry, another } = under;
      await registry.recordDelivery(delivery("1"));
      await registry.claimDelivery(LEASE_MS);
      await registry.finishDelivery("1", 1, done);
      await registry.recordDelivery(delivery("2"));
      await another.forgetDeliveries(3_600_000);
      expect(await registry.listDeliveries("a", 10)).toHaveLength(2);
      await another.forgetDeliveries(-3_600_000);
      expect((await registry.listDeliveries("a", 10)).map(({ id }) => id)).toEqual(["2"]);
    });
  });
}
