import { CicdError } from "../../errors/cicd-error.ts";
import type { Registry } from "../../run/registry.ts";
import type { Store } from "../../run/store.ts";
import { ChangeFeed } from "./change-feed.ts";
import { migrate } from "./migrate.ts";
import { PostgresConnection, pauseMs } from "./postgres-connection.ts";
import { PostgresStore } from "./postgres-store.ts";
import { createRegistry } from "./registry.ts";

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`; further parameters of the server after `?`, such as `search_path`. */
  url: string;
  /** Connections at most, half of them for transactions; besides the one that listens. */
  maxConnections?: number;
  /** How long reads, and writes that bear it, go on trying while the database is away. */
  patienceMs?: number;
  /** How long one attempt waits for its answer. */
  answerMs?: number;
  /** Off: changes of other processes are seen by polling only. */
  notifications?: boolean;
  /** How often a watcher polls. */
  pollMs?: number;
  /** How often the connection that listens is tried, and how long its answer is waited for. */
  ping?: { everyMs: number; withinMs: number };
}

/** Added to the pause of whoever tries again, so it is short. */
const LONGEST_RECONNECT_MS = 500;
/** Also until the server gives up whoever falls silent in the midst of a transaction. */
const LOCK_MS = 5_000;
/** Longer than a lock is waited for. */
const ANSWER_MS = 10_000;
const PING = { everyMs: 10_000, withinMs: 5_000 };

/** 64-bit integers as numbers: everything counted here stays below 2^53. */
const INT8 = { to: 20, from: [20], parse: Number, serialize: String };

/**
 * Connects, and brings the schema up to date; several processes may do so at once. Throws the codes of `Store`. No error
 * carries the password.
 */
export async function openPostgresStore(options: PostgresOptions): Promise<Store & Registry> {
  const location = locationOf(options.url);
  const { default: postgres } = await import("postgres");
  const connect = (max: number, more: object = {}) =>
    postgres(options.url, {
      max,
      types: { int8: INT8 },
      fetch_types: false,
      connect_timeout: 5,
      backoff: (failures: number) => Math.min(pauseMs(failures), LONGEST_RECONNECT_MS) / 1000,
      onnotice: () => {},
      connection: {
        application_name: "cicd",
        lock_timeout: LOCK_MS,
        idle_in_transaction_session_timeout: LOCK_MS,
        // Where the planner knows nothing of the tables yet, it would collect and sort what an index has in order.
        enable_bitmapscan: "off",
      },
      ...more,
    });
  const connection = new PostgresConnection({
    connect: () => connect(Math.ceil((options.maxConnections ?? 10) / 2)) as never,
    location,
    patienceMs: options.patienceMs ?? 20_000,
    answerMs: options.answerMs ?? ANSWER_MS,
  });
  try {
    await migrate(connection);
    const listen = options.notifications === false ? undefined : (more: object) => connect(1, more) as never;
    const feed = await ChangeFeed.open(connection, listen, {
      pollMs: options.pollMs ?? 2_000,
      ping: options.ping ?? PING,
    });
    return Object.assign(new PostgresStore(connection, feed), createRegistry(connection));
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
}

/** The URL without user, password and parameters. */
function locationOf(url: string): string {
  const { protocol, host, pathname } = parse(url);
  if (protocol !== "postgres:" && protocol !== "postgresql:")
    throw new CicdError("STORE_UNREACHABLE", "The database URL does not begin with postgres://");
  return `postgres://${host}${pathname}`;
}

function parse(url: string): URL {
  try {
    const parsed = new URL(url);
    decodeURIComponent(parsed.username + parsed.password);
    return parsed;
  } catch {
    // The parser's own words would repeat the URL, and with it the password.
    throw new CicdError("STORE_UNREACHABLE", "The database URL is not a valid URL.", {
      hint: "postgres://user:password@host:5432/database, with special characters of the password as %XX.",
    });
  }
}
