import type * as v from "valibot";
import type { BodyInputOf, RouteName } from "../api/routes.ts";
import { ROUTES } from "../api/routes.ts";
import { CicdError, messageOf } from "../errors/cicd-error.ts";
import { isPassing, oddAnswer, readAnswer, readProblem, redirected } from "./answers.ts";
import { PATIENCE, Patience, type PatienceTimes } from "./patience.ts";

/**
 * Where a server is, and who asks. `url`: http or https, without a slash at its end; `proxy`: `HOST:PORT` of the one on the
 * way there, for messages.
 */
export interface ServerAddress {
  url: string;
  token: string | undefined;
  proxy?: string | undefined;
}

/** For people, one sentence each. `detail`: only where more is wanted. */
export interface Tell {
  note(text: string): void;
  detail(text: string): void;
  warn(text: string): void;
}

export interface Times extends PatienceTimes {
  /** For an answer to begin. */
  answerMs: number;
  /** An event stream on which nothing comes for so long is taken for broken. */
  silenceMs: number;
}

export const TIMES: Times = { ...PATIENCE, answerMs: 30_000, silenceMs: 60_000 };

type Query = Record<string, string | number | boolean | string[] | undefined>;

interface Parts<N extends RouteName> {
  params?: Record<string, string>;
  query?: Query;
  body?: BodyInputOf<N>;
  /** A body as it is, instead. */
  stream?: ReadableStream<Uint8Array>;
  headers?: Record<string, string>;
  /** Asking again has no further effect; so it is with every GET. */
  isRepeatable?: boolean;
  /** On top of `Times.answerMs`. */
  moreMs?: number;
}

type JsonRoute = {
  [N in RouteName]: (typeof ROUTES)[N]["response"] extends { kind: "json" } ? N : never;
}[RouteName];
type Answer<N extends JsonRoute> = v.InferOutput<(typeof ROUTES)[N]["response"]["schema"]>;

/**
 * Requests to one server, by the table of routes. Whatever fails is a `CicdError`: SERVER_UNREACHABLE with the address,
 * SERVER_FAILED for what is no answer of a cicd server, else what the server says. A server that has answered once and is
 * away then (it restarts) is asked again for a while, where that is safe. The token goes to this address alone.
 */
export class ApiClient {
  /** It has been reached once. */
  hasAnswered = false;
  private hasWarned = false;
  private hasNoted = false;

  constructor(
    private readonly server: ServerAddress,
    readonly tell: Tell,
    readonly times: Times = TIMES,
  ) {}

  get address(): string {
    return this.server.url;
  }

  /** The address, for messages. */
  private get place(): string {
    const { url, proxy } = this.server;
    return proxy === undefined ? url : `${url} (through the proxy ${proxy})`;
  }

  /** The answer of a route that answers with JSON. */
  ask<N extends JsonRoute>(name: N, parts: Parts<N>, signal: AbortSignal): Promise<Answer<N>> {
    const { schema } = ROUTES[name].response;
    return this.patiently(name, parts, signal, async (response) => {
      return (await readAnswer(response, schema, this.place)) as Answer<N>;
    });
  }

  /** The answer of any other route, once it has begun. What its body holds later may break off. */
  open<N extends RouteName>(name: N, parts: Parts<N>, signal: AbortSignal): Promise<Response> {
    return this.patiently(name, parts, signal, async (response) => response);
  }

  /** One try, without waiting for a server that is away. */
  async openOnce<N extends RouteName>(name: N, parts: Parts<N>, signal: AbortSignal): Promise<Response> {
    return this.once(name, parts, signal, async (response) => response);
  }

  unreachable(why: string, cause?: unknown): CicdError {
    const { proxy } = this.server;
    const alsoProxy = proxy === undefined ? "" : " and the proxy (NO_PROXY excepts hosts)";
    return new CicdError("SERVER_UNREACHABLE", `the server at ${this.place} does not answer: ${why}`, {
      hint: `is it running? check the address (--server, CICD_SERVER)${alsoProxy}; --local does without it`,
      cause,
    });
  }

  /** What a connection that broke off threw, in one of our codes; the signal's reason where that was the cause. */
  toError(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    return error instanceof CicdError ? error : this.unreachable(wordsOf(error), error);
  }

  /** The body of an answer; where it breaks off SERVER_UNREACHABLE is thrown. */
  async *bytesOf(response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of response.body ?? []) yield chunk;
    } catch (error) {
      throw this.toError(error, signal);
    }
  }

  /** Says once, until it has answered again, that it is away. */
  noteAway(): void {
    if (!this.hasNoted) this.tell.note(`the server at ${this.address} is away; reconnecting ...`);
    this.hasNoted = true;
  }

  private async patiently<N extends RouteName, T>(
    name: N,
    parts: Parts<N>,
    signal: AbortSignal,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const patience = new Patience(this.times);
    const mayRepeat = parts.isRepeatable ?? ROUTES[name].method === "GET";
    for (;;) {
      try {
        return await this.once(name, parts, signal, read);
      } catch (error) {
        if (!mayRepeat || !this.hasAnswered || !isPassing(error)) throw error;
        this.noteAway();
        if (!(await patience.wait(signal))) throw error;
      }
    }
  }

  private async once<N extends RouteName, T>(
    name: N,
    parts: Parts<N>,
    signal: AbortSignal,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    this.warnOfPlainText();
    signal.throwIfAborted();
    const late = new AbortController();
    const limitMs = this.times.answerMs + (parts.moreMs ?? 0);
    const timer = setTimeout(() => late.abort(), limitMs);
    try {
      const response = await fetch(this.urlOf(name, parts), {
        ...this.initOf(name, parts),
        redirect: "manual",
        signal: AbortSignal.any([signal, late.signal]),
      });
      clearTimeout(timer);
      if (response.status >= 300 && response.status < 400) throw redirected(response, this.address);
      if (!response.ok) throw await readProblem(response, this.place);
      const result = await read(response);
      this.hasAnswered = true;
      this.hasNoted = false;
      return result;
    } catch (error) {
      if (late.signal.aborted)
        throw this.unreachable(`no answer within ${Math.round(limitMs / 1000)} seconds`);
      throw this.toError(error, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  private initOf<N extends RouteName>(name: N, parts: Parts<N>): RequestInit {
    const { token } = this.server;
    const headers = new Headers(parts.headers);
    if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    const init = { method: ROUTES[name].method, headers };
    if (parts.stream !== undefined) return { ...init, body: parts.stream };
    if (parts.body === undefined) return init;
    headers.set("content-type", "application/json");
    return { ...init, body: JSON.stringify(parts.body) };
  }

  private urlOf<N extends RouteName>(name: N, { params = {}, query = {} }: Parts<N>): string {
    const path = ROUTES[name].path.replace(/\{(\w+)\}/g, (_, key: string) => this.segment(params[key] ?? ""));
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) {
      if (value === undefined) continue;
      for (const each of Array.isArray(value) ? value : [value]) search.append(key, String(each));
    }
    return `${this.address}${path}${search.size === 0 ? "" : `?${search}`}`;
  }

  /** `.` and `..` would be taken for a step in the path. */
  private segment(value: string): string {
    if (/^\.{0,2}$/.test(value)) throw oddAnswer(this.address, `it names ${JSON.stringify(value)}`);
    return encodeURIComponent(value);
  }

  private warnOfPlainText(): void {
    const { protocol, hostname } = new URL(this.address);
    const isLoopback = hostname === "localhost" || /^127\./.test(hostname) || hostname === "[::1]";
    if (this.hasWarned || protocol === "https:" || isLoopback || this.server.token === undefined) return;
    this.hasWarned = true;
    this.tell.warn(`the token travels unencrypted to ${this.place}; use https`);
  }
}

const WORDS: Record<string, string> = {
  ConnectionRefused: "nothing listens there",
  ECONNREFUSED: "nothing listens there",
  ConnectionClosed: "the connection was closed",
  ECONNRESET: "the connection was closed",
  FailedToOpenSocket: "there is no way to that host",
  ENOTFOUND: "there is no host of that name",
};

function wordsOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return WORDS[code] ?? (messageOf(error).replace(/\.$/, "") || code || "the connection failed");
}
