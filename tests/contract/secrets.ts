import { describe, expect, test } from "bun:test";
import type { Registry } from "../../src/run/registry.ts";

const secret = (name: string, repositoryKey = "/repo", sealed = `sealed ${name}`) => ({
  repositoryKey,
  name,
  sealed,
  isFile: false,
});

/** The part of the registry contract that is about secrets. */
export function secretContract(under: Readonly<{ registry: Registry; another: Registry }>): void {
  describe("secrets", () => {
    test("are those of the repository and of all repositories, the latter first", async () => {
      const { registry, another } = under;
      await registry.putSecret(secret("TOKEN"), 1000);
      await registry.putSecret({ ...secret("KEY"), isFile: true }, 1000);
      await registry.putSecret(secret("TOKEN", "", "for all"), 1000);
      await registry.putSecret(secret("OTHER", "/elsewhere"), 1000);
      const listed = await another.listSecrets("/repo");
      expect(listed.map((row) => [row.repositoryKey, row.name, row.sealed, row.isFile, row.former])).toEqual([
        ["", "TOKEN", "for all", false, null],
        ["/repo", "KEY", "sealed KEY", true, null],
        ["/repo", "TOKEN", "sealed TOKEN", false, null],
      ]);
      expect((await registry.listSecrets(undefined)).length).toBe(4);
      expect(Math.abs(listed[0]!.createdAt - Date.now())).toBeLessThan(60_000);
    });

    test("show what they were before for a while, and only where it was another", async () => {
      const { registry } = under;
      await registry.putSecret(secret("TOKEN", "/repo", "old"), 60_000);
      await registry.putSecret(secret("TOKEN", "/repo", "new"), 60_000);
      await registry.putSecret(secret("TOKEN", "/repo", "new"), 60_000);
      const [kept] = await registry.listSecrets("/repo");
      expect([kept!.sealed, kept!.former]).toEqual(["new", "old"]);
      await registry.putSecret(secret("TOKEN", "/repo", "newest"), 0);
      const [past] = await registry.listSecrets("/repo");
      expect([past!.sealed, past!.former]).toEqual(["newest", null]);
    });

    test("are removed by repository and name", async () => {
      const { registry, another } = under;
      await registry.putSecret(secret("TOKEN"), 0);
      expect(await registry.removeSecret("", "TOKEN", 0)).toBe(false);
      expect(await registry.removeSecret("/repo", "TOKEN", 0)).toBe(true);
      expect(await another.listSecrets("/repo")).toEqual([]);
      expect(await registry.removeSecret("/repo", "TOKEN", 0)).toBe(false);
    });

    test("that were removed are known for a while as what they were, and may be set again", async () => {
      const { registry } = under;
      await registry.putSecret(secret("TOKEN"), 60_000);
      await registry.removeSecret("/repo", "TOKEN", 60_000);
      expect(await registry.removeSecret("/repo", "TOKEN", 60_000)).toBe(false);
      const known = async () =>
        (await registry.listSecrets("/repo")).map(({ sealed, former }) => [sealed, former]);
      expect(await known()).toEqual([[null, "sealed TOKEN"]]);
      await registry.putSecret(secret("TOKEN", "/repo", "again"), 60_000);
      expect(await known()).toEqual([["again", "sealed TOKEN"]]);
    });
  });
}
