import type { Sql } from "postgres";
import { ChangeSignal } from "../change-signal.ts";
import { type PostgresConnection, pauseMs } from "./postgres-connection.ts";

/** Opens a connection of its own with further driver options. */
export type OpenListener = (options: {
  onnotify: (channel: string, payload: string) => void;
  onclose: () => void;
  max_lifetime: null;
}) => Sql;

export interface FeedTimes {
  pollMs: number;
  /** How often the connection that listens is tried, and how long its answer is waited for. */
  ping: { everyMs: number; withinMs: number };
}

/** Notifications of one process are sent at most this often. */
const ANNOUNCE_MS = 20;

/**
 * Tells listeners of changes: this process's at once, other processes' by LISTEN/NOTIFY, and by polling where that is off
 * or broken. Notifications are sent after the commit and carry nothing but who sent them: they are hints.
 */
export class ChangeFeed implements AsyncDisposable {
  readonly #connection: PostgresConnection;
  readonly #openListener: OpenListener | undefined;
  readonly #times: FeedTimes;
  /** One per schema: the database may hold several. */
  readonly #channel: string;
  readonly #self = crypto.randomUUID();
  readonly #signal = new ChangeSignal();
  #watching: AbortController | undefined;
  #listening: Promise<void> = Promise.resolve();
  #announcing: Promise<void> | undefined;
  #again = false;

  private constructor(
    connection: PostgresConnection,
    openListener: OpenListener | undefined,
    times: FeedTimes,
    channel: string,
  ) {
    this.#connection = connection;
    this.#openListener = openListener;
    this.#times = times;
    this.#channel = channel;
  }

  static async open(
    connection: PostgresConnection,
    openListener: OpenListener | undefined,
    times: FeedTimes,
  ): Promise<ChangeFeed> {
    const row = await connection.read((session) =>
      session.get<{ channel: string }>("SELECT 'cicd_' || md5(current_schema()) AS channel"),
    );
    return new ChangeFeed(connection, openListener, times, row!.channel);
  }

  watch(listener: () => void): Disposable {
    const added = this.#signal.add(listener);
    this.#start();
    return {
      [Symbol.dispose]: () => {
        added[Symbol.dispose]();
        if (!this.#signal.hasListeners) this.#stop();
      },
    };
  }

  /** After a commit of this process. */
  emit(): void {
    this.#signal.emit();
    if (this.#openListener === undefined) return;
    this.#again = true;
    this.#announcing ??= this.#announce();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal[Symbol.dispose]();
    this.#stop();
    await Promise.all([this.#listening, this.#announcing]);
  }

  async #announce(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.#connection
        .writeOne((session) => session.run("SELECT pg_notify($1, $2)", this.#channel, this.#self))
        .catch(() => 0);
      if (this.#again) await Bun.sleep(ANNOUNCE_MS);
    }
    this.#announcing = undefined;
  }

  #start(): void {
    if (this.#watching !== undefined) return;
    const watching = new AbortController();
    this.#watching = watching;
    const timer = setInterval(this.#poller(), this.#times.pollMs);
    timer.unref();
    watching.signal.addEventListener("abort", () => clearInterval(timer));
    if (this.#openListener !== undefined) this.#listening = this.#listen(this.#openListener, watching.signal);
  }

  #stop(): void {
    this.#watching?.abort();
    this.#watching = undefined;
  }

  /** The set of running transactions differs between two looks where anything was committed between them. */
  #poller(): () => Promise<void> {
    let seen: string | undefined;
    let isLooking = false;
    return async () => {
      if (isLooking) return;
      isLooking = true;
      try {
        const row = await this.#connection.writeOne((session) =>
          session.get<{ state: string }>("SELECT pg_current_snapshot()::text AS state"),
        );
        if (seen !== undefined && row?.state !== seen) this.#signal.emit();
        seen = row?.state;
      } catch {
        seen = "unknown";
      } finally {
        isLooking = false;
      }
    };
  }

  /** Listens until `signal` aborts; a broken connection is replaced, and listeners then look at everything anew. */
  async #listen(open: OpenListener, signal: AbortSignal): Promise<void> {
    const { everyMs, withinMs } = this.#times.ping;
    for (let failures = 0; !signal.aborted; failures += 1) {
      const broken = new AbortController();
      const sql = open({
        max_lifetime: null,
        onnotify: (_channel, payload) => {
          if (payload !== this.#self) this.#signal.emit();
        },
        onclose: () => broken.abort(),
      });
      const over = AbortSignal.any([signal, broken.signal]);
      try {
        await within(sql.unsafe(`LISTEN ${this.#channel}`), withinMs);
        failures = 0;
        this.#signal.emit();
        while (await pause(everyMs, over)) await within(sql.unsafe("SELECT 1"), withinMs);
      } catch {
        await pause(pauseMs(failures), signal);
      } finally {
        await sql.end({ timeout: 0 });
      }
    }
  }
}

/** True when the time has passed, false when `signal` aborted first. Does not keep the process alive. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const end = (passed: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      resolve(passed);
    };
    const onAbort = () => end(false);
    const timer = setTimeout(end, ms, true);
    timer.unref();
    signal.addEventListener("abort", onAbort);
  });
}

async function within<T>(work: PromiseLike<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), ms);
  });
  try {
    return await Promise.race([Promise.resolve(work), late]);
  } finally {
    clearTimeout(timer);
  }
}
