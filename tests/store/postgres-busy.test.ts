import { expect, test } from "bun:test";
import postgres from "postgres";
import { PostgresConnection } from "../../src/store/postgres/postgres-connection.ts";
import { newSchema } from "../support/postgres.ts";

test("a transaction begins while as much is read as the driver sends ahead", async () => {
  const schema = await newSchema();
  const connect = () => postgres(schema.url, { max: 2, fetch_types: false });
  const options = { connect, location: "test", patienceMs: 10_000, answerMs: 10_000 };
  try {
    await using connection = new PostgresConnection(options as never);
    const read = () => connection.read((session) => session.get("SELECT $1::text", "x"));
    const write = () => connection.write((session) => session.get("SELECT 2"));
    await write();
    await Promise.all(Array.from({ length: 10 }, read));
    const failed: unknown[] = [];
    // Around the 100 that the driver sends ahead on a connection.
    for (let ahead = 198; ahead < 206; ahead++) {
      const reading = Array.from({ length: ahead }, read);
      await Promise.resolve();
      const all = [...reading, write(), write(), write()];
      for (const result of await Promise.allSettled(all))
        if (result.status === "rejected") failed.push(result.reason);
    }
    expect(failed).toEqual([]);
  } finally {
    await schema.drop();
  }
}, 20_000);
