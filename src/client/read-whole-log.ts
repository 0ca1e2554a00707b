import { isPassing, oddAnswer } from "./answers.ts";
import type { ApiClient } from "./api-client.ts";
import { Patience } from "./patience.ts";

/**
 * The log of an attempt as long as it is when it is first answered. Where the connection breaks off it is said, and the rest
 * is asked for. Throws what the server answers, and SERVER_UNREACHABLE once nothing has come for a minute.
 */
export async function* readWholeLog(
  client: ApiClient,
  { run, job, attempt }: { run: string; job: string; attempt: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const patience = new Patience(client.times);
  let offset = 0;
  let end: number | undefined;
  for (;;) {
    const headers: Record<string, string> =
      offset === 0 ? {} : { range: `bytes=${offset}-${end === undefined ? "" : end - 1}` };
    const parts = { params: { run, job }, query: { attempt }, headers };
    const response = await client.open("readLog", parts, signal);
    if (offset > 0 && response.status !== 206) throw oddAnswer(client.address, "it is no part of a log");
    end ??= endOf(response);
    try {
      for await (const bytes of client.bytesOf(response, signal)) {
        patience.reset();
        offset += bytes.byteLength;
        yield bytes;
      }
      if (end === undefined || offset >= end) return;
      throw client.unreachable("the connection was closed");
    } catch (error) {
      if (!isPassing(error)) throw error;
      client.noteAway();
      if (!(await patience.wait(signal))) throw error;
    }
  }
}

/** Of the whole log, where the answer tells it. */
function endOf({ headers }: Response): number | undefined {
  const total = /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1] ?? headers.get("content-length");
  return total === null ? undefined : Number(total);
}
