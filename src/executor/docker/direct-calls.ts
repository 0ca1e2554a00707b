import type Dockerode from "dockerode";

type Modem = Dockerode["modem"];
type Call = Parameters<Modem["dial"]>[0] & {
  abortSignal?: AbortSignal;
  file?: unknown;
  hijack?: boolean;
  openStdin?: boolean;
  authconfig?: unknown;
};

/** In a query and, of a POST, in the body, unless it is said which of them is which. */
type Options = Record<string, unknown> & { _query?: Record<string, unknown>; _body?: unknown };

/**
 * Sends what is a small question with a small answer to the engine's socket by the runtime's own client, at a fraction of
 * what node:http takes; streams, uploads and credentials stay with dockerode. Answers and errors are as dockerode's:
 * `statusCode` and `json` where the engine refused, `code` where it was not reached.
 */
export function sendDirectly(modem: Modem, socketPath: string): void {
  const dial = modem.dial.bind(modem);
  modem.dial = (call: Call, callback) => {
    if (!isPlain(call)) return dial(call, callback);
    send(socketPath, call).then(
      (answer) => callback?.(null, answer as object),
      (error) => callback?.(error, null),
    );
  };
}

function isPlain({ isStream, hijack, openStdin, file, authconfig }: Call): boolean {
  return !isStream && !hijack && !openStdin && file === undefined && authconfig === undefined;
}

async function send(socketPath: string, call: Call): Promise<unknown> {
  const { abortSignal: _, ...options } = (call.options ?? {}) as Options;
  const [path] = call.path.split("?");
  const query = call.path.includes("?") ? `?${queryOf(options._query ?? options)}` : "";
  const body = call.method === "POST" ? JSON.stringify(options._body ?? options) : "{}";
  const answer = await fetch(`http://docker${path}${query}`, {
    unix: socketPath,
    method: call.method,
    ...(body !== "{}" && { body, headers: { "Content-Type": "application/json" } }),
    redirect: "manual",
    // A wait takes as long as its container runs.
    timeout: false,
    signal: call.abortSignal,
  } as BunFetchRequestInit).catch((error) => {
    throw notReached(error, socketPath);
  });
  return read(answer.status, await answer.text(), call.statusCodes);
}

/** What is an object in itself, such as filters, goes as JSON. */
function queryOf(options: Record<string, unknown>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue;
    query.set(key, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return query;
}

/** The runtime's own words are about addresses of the web. */
function notReached(error: unknown, socketPath: string): unknown {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string") return error;
  return Object.assign(new Error(`connect ${code} ${socketPath}`, { cause: error }), { code });
}

function read(status: number, text: string, meanings: Call["statusCodes"]): unknown {
  const json = parse(text);
  const meaning = meanings?.[status];
  if (meaning === true) return json;
  const said = (json as { message?: unknown }).message ?? json;
  const error = new Error(`(HTTP code ${status}) ${meaning ?? "unexpected"} - ${said}`);
  throw Object.assign(error, { reason: meaning, statusCode: status, json });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) ?? text;
  } catch {
    return text;
  }
}
