import type { Database, Statement } from "bun:sqlite";
import { CicdError } from "../../errors/cicd-error.ts";
import { StaleRows } from "../stale-rows.ts";
import { isBusy, toStoreError } from "./sqlite-errors.ts";

export type Value = string | number | null | Uint8Array;

/** `full`: on disk when the commit returns. `normal`: survives the process, perhaps not a loss of power. */
export type Durability = "normal" | "full";

/** Thrown inside a `normal` transaction that turned out to need `full` durability: it starts anew with that. */
export class NeedsFullDurability extends Error {
  override readonly name = "NeedsFullDurability";
}

/** Why a database can only be read, and how to open it for writing, which throws while that holds. */
export interface ReadOnly {
  refusal: CicdError;
  reopen: () => Database;
}

/** The clock as an expression, in whole milliseconds. */
export const NOW = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";

const MAX_STALE_RETRIES = 5;

/**
 * One open database. The bodies of transactions are synchronous, so nothing of this process comes between; other
 * processes are waited for without blocking the event loop for longer than SQLite's own short wait.
 */
export class SqliteConnection implements Disposable {
  readonly path: string;
  #db: Database;
  readonly #busyTimeoutMs: number;
  readonly #statements = new Map<string, Statement>();
  #durability: Durability = "normal";
  #closed = false;
  #readOnly: ReadOnly | undefined;

  /** With `readOnly`, `db` can only be read, and writing first tries to open it anew. */
  constructor(db: Database, path: string, busyTimeoutMs: number, readOnly?: ReadOnly) {
    this.#db = db;
    this.path = path;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#readOnly = readOnly;
  }

  get isReadOnly(): boolean {
    return this.#readOnly !== undefined;
  }

  all<Row>(sql: string, ...values: Value[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  get<Row>(sql: string, ...values: Value[]): Row | undefined {
    return (this.#prepare(sql).get(...values) ?? undefined) as Row | undefined;
  }

  iterate<Row>(sql: string, ...values: Value[]): IterableIterator<Row> {
    return this.#prepare(sql).iterate(...values) as IterableIterator<Row>;
  }

  /** Returns the number of changed rows. */
  run(sql: string, ...values: Value[]): number {
    return this.#prepare(sql).run(...values).changes;
  }

  /** Like `run`, for a guarded write: throws StaleRows unless exactly one row was changed. */
  runGuarded(sql: string, ...values: Value[]): void {
    if (this.run(sql, ...values) !== 1) throw new StaleRows("the row was changed meanwhile");
  }

  /** Several statements without values. */
  script(sql: string): void {
    this.#db.run(sql);
  }

  /** The database's clock, in whole milliseconds. */
  now(): number {
    return this.get<{ now: number }>(`SELECT ${NOW} AS now`)!.now;
  }

  /** Runs `body` on one consistent view of the database. */
  read<T>(body: () => T): Promise<T> {
    return this.#attempting(() => this.#transaction("BEGIN", body));
  }

  /**
   * Runs `body` as the only writer; what it throws undoes everything. It may run more than once. `committed` is told what it returned
   * before anything else of this process comes to its turn.
   */
  write<T>(durability: Durability, body: () => T, committed?: (value: T) => void): Promise<T> {
    let wanted = durability;
    return this.#attempting(() => {
      this.#becomeWritable();
      for (let stale = 0; ; ) {
        try {
          this.#setDurability(wanted);
          const value = this.#transaction("BEGIN IMMEDIATE", body);
          committed?.(value);
          return value;
        } catch (error) {
          if (error instanceof NeedsFullDurability) wanted = "full";
          else if (!(error instanceof StaleRows)) throw error;
          else if (++stale > MAX_STALE_RETRIES)
            throw new CicdError("STORE_BUSY", "The rows kept changing.", { cause: error });
        }
      }
    });
  }

  /** What kept the file from being written, such as a full disk, may be over. Throws the refusal otherwise. */
  #becomeWritable(): void {
    if (this.#readOnly === undefined) return;
    const { refusal, reopen } = this.#readOnly;
    let db: Database;
    try {
      db = reopen();
    } catch {
      throw refusal;
    }
    this.#close();
    this.#db = db;
    this.#readOnly = undefined;
    this.#durability = "normal";
  }

  get durability(): Durability {
    return this.#durability;
  }

  /** Runs something outside of a transaction, waiting for other processes. */
  outside<T>(body: () => T): Promise<T> {
    return this.#attempting(body);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#close();
  }

  #close(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
    this.#db.close();
  }

  #prepare(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #transaction<T>(begin: string, body: () => T): T {
    this.run(begin);
    try {
      const value = body();
      this.run("COMMIT");
      return value;
    } catch (error) {
      if (this.#db.inTransaction) this.run("ROLLBACK");
      throw error;
    }
  }

  #setDurability(durability: Durability): void {
    if (this.#durability === durability) return;
    this.script(`PRAGMA synchronous = ${durability.toUpperCase()}`);
    this.#durability = durability;
  }

  async #attempting<T>(body: () => T): Promise<T> {
    if (this.#closed) throw new CicdError("STORE_UNREACHABLE", `The database is closed: ${this.path}`);
    const deadline = performance.now() + this.#busyTimeoutMs;
    for (let waitMs = 5; ; waitMs = Math.min(waitMs * 2, 80)) {
      try {
        return body();
      } catch (error) {
        if (!isBusy(error) || performance.now() >= deadline) throw toStoreError(error, this.path);
      }
      await Bun.sleep(waitMs * (0.5 + Math.random()));
    }
  }
}
