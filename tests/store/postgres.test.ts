import { afterAll } from "bun:test";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { storeContract } from "../contract/store.ts";
import { emptySchema, newSchema } from "../support/postgres.ts";

let schema: ReturnType<typeof newSchema> | undefined;

storeContract("postgres", async () => {
  schema ??= newSchema();
  const { url } = await schema;
  const [store, another] = await Promise.all([openPostgresStore({ url }), openPostgresStore({ url })]);
  return {
    store,
    another,
    close: async () => {
      await Promise.all([store[Symbol.asyncDispose](), another[Symbol.asyncDispose]()]);
      await emptySchema(url);
    },
  };
});

afterAll(async () => (await schema)?.drop());
