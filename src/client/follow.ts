import type { EventSourceMessage } from "eventsource-parser";
import * as v from "valibot";
import { decodeFollowCursor, encodeFollowCursor } from "../api/cursor.ts";
import { fromRunEventJson, LOG_PIECE, RUN_EVENT } from "../api/events.ts";
import type { LogPiece } from "../app/follow-log.ts";
import type { FollowCursor, FollowItem } from "../app/follow-run.ts";
import { oddAnswer } from "./answers.ts";
import type { ApiClient } from "./api-client.ts";
import { followStream } from "./event-stream.ts";

/** As `followRun` of the app, over reconnects and restarts of the server. `jobNames`: as `jobNamesOf` the run. */
export async function* followRemoteRun(
  client: ApiClient,
  runId: string,
  jobNames: string[],
  options: { logs: boolean; from?: FollowCursor },
  signal: AbortSignal,
): AsyncGenerator<FollowItem> {
  const { logs, from } = options;
  const lastId = from === undefined ? undefined : encodeFollowCursor(from, jobNames);
  const request = { params: { run: runId }, query: { logs }, lastId };
  for await (const message of followStream(client, "followRun", request, signal)) {
    const content = toContent(client, message);
    if (content === undefined) continue;
    const cursor = message.id === undefined ? undefined : decodeFollowCursor(message.id, jobNames);
    if (cursor === undefined) throw oddAnswer(client.address, "a message without a cursor");
    yield { ...content, cursor };
  }
}

/** As `followLog` of one job, attempt after attempt until it is over. */
export async function* followRemoteLog(
  client: ApiClient,
  runId: string,
  job: string,
  signal: AbortSignal,
): AsyncGenerator<LogPiece> {
  const request = { params: { run: runId, job }, query: { follow: true }, lastId: undefined };
  for await (const message of followStream(client, "readLog", request, signal)) {
    const content = toContent(client, message);
    if (content?.kind === "log") yield content;
  }
}

type Content =
  | Omit<Extract<FollowItem, { kind: "event" }>, "cursor">
  | Omit<Extract<FollowItem, { kind: "log" }>, "cursor">;

/** Undefined: a message of a kind that this version does not know. */
function toContent(client: ApiClient, { event, data }: EventSourceMessage): Content | undefined {
  if (event === "event") return { kind: "event", event: fromRunEventJson(parse(client, RUN_EVENT, data)) };
  if (event !== "log") return undefined;
  const { job, attempt, offset, bytes } = parse(client, LOG_PIECE, data);
  return { kind: "log", job, attempt, offset, bytes: Buffer.from(bytes, "base64") };
}

function parse<S extends v.GenericSchema>(client: ApiClient, schema: S, data: string): v.InferOutput<S> {
  const message = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), data);
  if (message.success) return message.output;
  throw oddAnswer(client.address, v.summarize(message.issues));
}
