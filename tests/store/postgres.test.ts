import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { storeContract } from "../contract/store.ts";
import { newSchema } from "../support/postgres.ts";

storeContract("postgres", async () => {
  const { url, drop } = await newSchema();
  const [store, another] = await Promise.all([openPostgresStore({ url }), openPostgresStore({ url })]);
  return {
    store,
    another,
    close: async () => {
      await Promise.all([store[Symbol.asyncDispose](), another[Symbol.asyncDispose]()]);
      await drop();
    },
  };
});
