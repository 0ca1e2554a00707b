import { describe, expect, test } from "bun:test";
import type { Lease } from "../../../src/run/records.ts";
import type { Store } from "../../../src/run/store.ts";
import { newRun, plannedJob, planOf } from "../../support/plans.ts";
import { Random } from "../../support/random.ts";
import type { StoreUnderTest } from "../store.ts";
import { finish, ONE_JOB, started } from "./acts.ts";

export function logContract(under: StoreUnderTest): void {
  const append = (store: Store, { jobId, attempt }: Lease, offset: number, text: string | Uint8Array) =>
    store.appendLog({ jobId, attempt, offset, bytes: Buffer.from(text as string) });
  const read = async (store: Store, { jobId, attempt }: Lease, offset: number, maxBytes: number) => {
    const slice = await store.readLog({ jobId, attempt, offset, maxBytes });
    return { ...slice, bytes: Buffer.from(slice.bytes).toString() };
  };

  describe("logs", () => {
    test("are appended only at their end, and only while the attempt is unfinished", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await started(store);
      expect(await append(store, lease, 1, "x")).toBe("gap");
      expect(await append(store, lease, 0, "hello ")).toBe("stored");
      expect(await append(another, lease, 0, "again ")).toBe("gap");
      expect(await append(another, lease, 7, "x")).toBe("gap");
      expect(await append(another, lease, 6, "world")).toBe("stored");
      expect(await append(store, lease, 11, "")).toBe("stored");
      expect(await append(store, lease, 12, "")).toBe("gap");
      expect(await append(store, { ...lease, attempt: 2 }, 0, "x")).toBe("gap");
      expect(await append(store, { ...lease, jobId: "none" }, 0, "x")).toBe("gap");
      expect(await read(store, lease, 0, 100)).toEqual({
        bytes: "hello world",
        offset: 0,
        end: 11,
        complete: false,
      });
      await finish(store, lease);
      expect(await append(store, lease, 11, "late")).toBe("gap");
      expect(await read(another, lease, 6, 100)).toEqual({
        bytes: "world",
        offset: 6,
        end: 11,
        complete: true,
      });
    });

    test("are read from any offset, at most as much as asked for", async () => {
      const { store } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await started(store);
      for (const [i, text] of ["0123", "4567", "89"].entries()) await append(store, lease, i * 4, text);
      for (let offset = 0; offset <= 12; offset += 1) {
        for (const maxBytes of [1, 3, 4, 5, 100]) {
          const { bytes, end } = await read(under.another, lease, offset, maxBytes);
          expect([bytes, end]).toEqual(["0123456789".slice(offset, offset + maxBytes), 10]);
        }
      }
      expect(await read(store, { ...lease, jobId: "none" }, 0, 10)).toMatchObject({ bytes: "", end: 0 });
    });

    test("of megabytes, random or repetitive, come back byte for byte", async () => {
      const { store } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await started(store);
      const random = new Random(7);
      const parts = Array.from({ length: 40 }, (_, i) =>
        i % 2 === 0
          ? crypto.getRandomValues(new Uint8Array(1 + random.below(65_536)))
          : Buffer.from(`line ${i} \u0000 ü\n`.repeat(1 + random.below(8_000))),
      );
      let end = 0;
      for (const part of parts) {
        expect(await append(store, lease, end, part)).toBe("stored");
        end += part.length;
      }
      const whole = Buffer.concat(parts);
      const back: Uint8Array[] = [];
      for (let offset = 0; offset < end; ) {
        const slice = await under.another.readLog({ ...lease, offset, maxBytes: 100_000 });
        expect(slice.end).toBe(end);
        back.push(slice.bytes);
        offset += slice.bytes.length;
      }
      expect(Buffer.concat(back).equals(whole)).toBe(true);
      for (let i = 0; i < 50; i += 1) {
        const [offset, maxBytes] = [random.below(end), 1 + random.below(200_000)];
        const { bytes } = await store.readLog({ ...lease, offset, maxBytes });
        expect(whole.subarray(offset, offset + maxBytes).equals(bytes)).toBe(true);
      }
    });

    test("of two who append at the same place hold one of the two", async () => {
      const { store, another } = under;
      await store.createRun(newRun("a", ONE_JOB));
      const lease = await started(store);
      let end = 0;
      for (let round = 0; round < 20; round += 1) {
        const answers = await Promise.all([
          append(store, lease, end, "left!"),
          append(another, lease, end, "right"),
        ]);
        expect(answers.sort()).toEqual(["gap", "stored"]);
        end += 5;
      }
      expect((await read(store, lease, 0, 1_000)).bytes).toMatch(/^(left!|right){20}$/);
    });

    test("of 50 attempts at once do not mix", async () => {
      const jobs = Array.from({ length: 50 }, (_, i) => plannedJob(`j${i}`));
      await under.store.createRun(newRun("a", planOf(jobs)));
      const stores = [under.store, under.another];
      const logs = await Promise.all(
        jobs.map(async (_, i) => {
          const store = stores[i % 2]!;
          const lease = await started(store);
          const line = `${crypto.randomUUID()}\n`;
          for (let n = 0; n < 20; n += 1)
            expect(await append(store, lease, n * line.length, line)).toBe("stored");
          return { lease, line };
        }),
      );
      for (const { lease, line } of logs) {
        expect((await read(under.another, lease, 0, 10_000)).bytes).toBe(line.repeat(20));
      }
    }, 20_000);
  });
}
