import { openSqliteStore } from "../../src/store/sqlite/open-sqlite-store.ts";
import { storeContract } from "../contract/store.ts";
import { newDatabasePath } from "../support/sqlite.ts";

storeContract("sqlite", async () => {
  const { path, remove } = newDatabasePath();
  const [store, another] = [await openSqliteStore({ path }), await openSqliteStore({ path })];
  return {
    store,
    another,
    close: async () => {
      await store[Symbol.asyncDispose]();
      await another[Symbol.asyncDispose]();
      remove();
    },
  };
});
