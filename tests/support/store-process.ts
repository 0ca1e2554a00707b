import { openSqliteStore } from "../../src/store/sqlite/open-sqlite-store.ts";
import { claim, FAILURE, finish, ONE_JOB, SUCCESS } from "../contract/store/acts.ts";
import { newRun } from "./plans.ts";

/**
 * A process of its own on a SQLite store: `bun store-process.ts MODE PATH NAME COUNT`. Prints one JSON line.
 * `open`: opens the store. `write`: makes COUNT runs, each with a log, and finishes them. `drive`: works off whatever is
 * queued until a run named `end` is there. `open-as-nobody`: opens without root's rights, reads and tries to write. Prints the
 * error's code.
 */
const [mode, path, name, count] = process.argv.slice(2) as [string, string, string, string];

switch (mode) {
  case "open": {
    await using store = await openSqliteStore({ path });
    print(await store.describe());
    break;
  }
  case "open-as-nobody": {
    if (process.getuid?.() === 0) process.setuid?.(65_534);
    try {
      await using store = await openSqliteStore({ path });
      const { isReadOnly } = store;
      const runs = (await store.findRuns({})).map(({ id }) => id);
      const refused = await store.createRun(newRun("new", ONE_JOB)).catch((thrown) => thrown.code);
      print({ isReadOnly, runs, refused });
    } catch (thrown) {
      print({ code: (thrown as { code: string }).code });
    }
    break;
  }
  case "write": {
    await using store = await openSqliteStore({ path });
    for (let n = 0; n < Number(count); n += 1) {
      const id = `${name}-${n}`;
      await store.createRun(newRun(id, ONE_JOB));
      const lease = (await claim(store, { worker: name, scope: { kind: "runs", runIds: [id] } }))!;
      await store.execute(id, { type: "start", lease, containerName: id });
      await store.appendLog({ ...lease, offset: 0, bytes: Buffer.from(id) });
      await finish(store, lease, n % 2 === 0 ? SUCCESS : FAILURE);
    }
    print({ done: true });
    break;
  }
  case "drive": {
    await using store = await openSqliteStore({ path });
    const answers: string[] = [];
    while ((await store.readRun("end")) === undefined) {
      const lease = await claim(store, { worker: name });
      if (lease === undefined) {
        await Bun.sleep(5);
        continue;
      }
      await store.execute(lease.runId, { type: "start", lease, containerName: lease.jobId });
      while (await isWanted(lease)) await Bun.sleep(5);
      const canceled = { ...FAILURE, status: "canceled", failureReason: "canceled", exitCode: null } as const;
      answers.push((await finish(store, lease, canceled))!.kind);
      async function isWanted(held: typeof lease): Promise<boolean> {
        const [answer] = await store.renewLeases([held!], 30_000);
        return answer!.state === "held" && !answer!.cancelRequested;
      }
    }
    print({ answers });
    break;
  }
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
