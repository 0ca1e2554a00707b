import type { Sql } from "postgres";
import { CicdError } from "../../errors/cicd-error.ts";
import { StaleRows } from "../stale-rows.ts";
import {
  endsConnection,
  isLockTimeout,
  isRefused,
  isTransient,
  isUnreachable,
  NoAnswer,
  toStoreError,
} from "./postgres-errors.ts";

export type Value = string | number | boolean | null | Uint8Array;

/** Where statements run: a transaction, or a connection of the pool. Values are `$1`, `$2`, ... */
export interface Session {
  all<Row>(sql: string, ...values: Value[]): Promise<Row[]>;
  get<Row>(sql: string, ...values: Value[]): Promise<Row | undefined>;
  /** Returns the number of changed rows. */
  run(sql: string, ...values: Value[]): Promise<number>;
  /** For a guarded write: throws StaleRows unless exactly `expected` rows were changed. */
  runGuarded(expected: number, sql: string, ...values: Value[]): Promise<void>;
  /** Several statements without values. */
  script(sql: string): Promise<void>;
}

/** The database's clock, in whole milliseconds. */
export const NOW = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

const MAX_RETRIES = 8;
const FIRST_PAUSE_MS = 100;
/** Short: whoever waits shall notice soon that the database is back. */
const LONGEST_PAUSE_MS = 1_000;

/** For what looks at a large part of the database, or changes it. */
export const LONG_ANSWER_MS = 120_000;

/** Full jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ */
export function pauseMs(failures: number): number {
  return Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
}

/**
 * Whether a write is tried again while the database is away. `refused`: only where certainly nothing of it was carried
 * out. `any`: also where its connection broke, so it must bear being carried out twice.
 */
export type Repeat = "never" | "refused" | "any";

const MAY_REPEAT: Record<Repeat, (error: unknown) => boolean> = {
  never: () => false,
  refused: isRefused,
  any: isUnreachable,
};

/** `isRepeated`: an earlier call may have been carried out without an answer. */
type Write<T> = (session: Session, isRepeated: boolean) => Promise<T>;

/**
 * Which pool is asked. The driver sends single statements ahead on connections that are busy, and the beginning of a
 * transaction as well; where 100 are under way there, or the socket is full, it begins it without keeping the connection for
 * it (UNSAFE_TRANSACTION), and whatever comes next on it is never committed. So transactions have connections of their own,
 * on which nothing is ever sent ahead.
 */
type PoolName = "statements" | "transactions";

export interface ConnectionOptions {
  /** Makes a pool; called for each of the two, and again where one has not answered in time. */
  connect: () => Sql;
  /** Host, port and database: nothing secret. */
  location: string;
  /** How long reads, and writes that bear it, go on trying while the database is away. */
  patienceMs: number;
  /** How long one attempt waits for its answer, which is longer than any lock is waited for. */
  answerMs: number;
}

/**
 * Connections to one database. Reads, and writes that allow it, are tried again while it is away. What does not
 * answer counts as away: no call takes longer than its patience and one attempt.
 */
export class PostgresConnection implements AsyncDisposable {
  /** Host, port and database: nothing secret. */
  readonly location: string;
  readonly #options: ConnectionOptions;
  readonly #closing = new AbortController();
  readonly #pools: Record<PoolName, Sql>;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.location = options.location;
    this.#pools = { statements: options.connect(), transactions: options.connect() };
  }

  /** One reading statement after another; or, with `consistent`, all on one view of the database. */
  async read<T>(
    body: (session: Session) => Promise<T>,
    options: { consistent?: boolean; answerMs?: number } = {},
  ): Promise<T> {
    const { consistent = false, answerMs } = options;
    return this.#patiently(consistent ? "transactions" : "statements", isUnreachable, answerMs, (pool) =>
      consistent ? begin(pool, "isolation level repeatable read read only", body) : body(sessionOf(pool)),
    );
  }

  /** A transaction; what `body` throws undoes everything. It may run more than once. */
  async write<T>(body: Write<T>, repeat: Repeat = "never", answerMs?: number): Promise<T> {
    return this.#patiently("transactions", MAY_REPEAT[repeat], answerMs, (pool, isRepeated) =>
      undisturbed(pool, (session) => body(session, isRepeated)),
    );
  }

  /** One writing statement, which is a transaction of its own. */
  async writeOne<T>(body: Write<T>, repeat: Repeat = "never", answerMs?: number): Promise<T> {
    return this.#patiently("statements", MAY_REPEAT[repeat], answerMs, (pool, isRepeated) =>
      body(sessionOf(pool), isRepeated),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all(Object.values(this.#pools).map((pool) => pool.end({ timeout: 1 })));
  }

  /** Tries again after errors of which `mayRepeat` is true, until patience is over; what it throws is coded. */
  async #patiently<T>(
    name: PoolName,
    mayRepeat: (error: unknown) => boolean,
    answerMs: number = this.#options.answerMs,
    act: (pool: Sql, isRepeated: boolean) => Promise<T>,
  ): Promise<T> {
    const deadline = performance.now() + this.#options.patienceMs;
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.#answered(name, (pool) => act(pool, failures > 0), answerMs);
      } catch (error) {
        const isOver = this.#closing.signal.aborted || performance.now() >= deadline;
        if (isOver || !(isLockTimeout(error) || mayRepeat(error))) throw this.#coded(error);
      }
      await Bun.sleep(Math.min(pauseMs(failures), Math.max(0, deadline - performance.now())));
    }
  }

  /** Throws NoAnswer after so long. The pool's connections may all be dead then without knowing it: a new one takes its place. */
  async #answered<T>(name: PoolName, act: (pool: Sql) => Promise<T>, ms: number): Promise<T> {
    const pool = this.#pools[name];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new NoAnswer(`no answer within ${ms} ms`));
        this.#replace(name, pool);
      }, ms);
    });
    try {
      return await Promise.race([act(pool), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #replace(name: PoolName, pool: Sql): void {
    if (this.#pools[name] !== pool || this.#closing.signal.aborted) return;
    this.#pools[name] = this.#options.connect();
    void pool.end({ timeout: 0 });
  }

  #coded(error: unknown): unknown {
    if (this.#closing.signal.aborted && isUnreachable(error))
      return new CicdError("STORE_UNREACHABLE", `The database is closed: ${this.location}`);
    return toStoreError(error, this.location);
  }
}

/** A transaction, anew where others changed what it had read. */
async function undisturbed<T>(pool: Sql, body: (session: Session) => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await begin(pool, "", body);
    } catch (error) {
      if (!(error instanceof StaleRows) && !isTransient(error)) throw error;
      if (failures >= MAX_RETRIES)
        throw new CicdError("STORE_BUSY", "The rows kept changing.", { cause: error });
    }
    await Bun.sleep(Math.random() * 5 * 2 ** failures);
  }
}

function begin<T>(pool: Sql, options: string, body: (session: Session) => Promise<T>): Promise<T> {
  return pool.begin(options, (transaction) =>
    body(sessionOf(transaction)).catch(leaveToClosing),
  ) as Promise<T>;
}

/**
 * The driver would send a rollback into the closed connection, and fail where nobody can catch it. It rejects the
 * transaction by itself once the connection is closed.
 */
function leaveToClosing(error: unknown): Promise<never> {
  if (endsConnection(error)) return new Promise(() => {});
  throw error;
}

function sessionOf(sql: Pick<Sql, "unsafe">): Session {
  const query = (text: string, values: Value[]) => sql.unsafe(text, values.map(storable), { prepare: true });
  return {
    all: async <Row>(text: string, ...values: Value[]) => [...(await query(text, values))] as Row[],
    get: async <Row>(text: string, ...values: Value[]) => (await query(text, values))[0] as Row | undefined,
    run: async (text, ...values) => (await query(text, values)).count,
    runGuarded: async (expected, text, ...values) => {
      const { count } = await query(text, values);
      if (count !== expected) throw new StaleRows("rows were changed meanwhile");
    },
    script: async (text) => void (await sql.unsafe(text)),
  };
}

/** PostgreSQL's text cannot hold U+0000; the replacement character stands for it. */
export function withoutNul(text: string): string {
  return text.replaceAll("\u0000", "\ufffd");
}

function storable(value: Value): Value {
  return typeof value === "string" ? withoutNul(value) : value;
}
