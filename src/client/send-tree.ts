import { PACK_MEDIA_TYPE } from "../api/routes.ts";
import type { Source, TreeTransfer } from "../run/workspace.ts";
import type { ApiClient } from "./api-client.ts";

const IDS_PER_QUESTION = 100_000;
const UPLOAD_MS = 6 * 3_600_000;
/** An upload that takes longer is announced. */
const SHORT_MS = 2_000;

/** Sends what a server lacks of a source's tree, and says how much that was. */
export async function sendTree(
  client: ApiClient,
  transfer: TreeTransfer,
  source: Source,
  signal: AbortSignal,
): Promise<void> {
  const ids = await transfer.listObjects(source, signal);
  const missing = await findMissing(client, ids, signal);
  let bytes = 0;
  if (missing.length > 0) {
    const counter = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        controller.enqueue(chunk);
      },
    });
    const announcing = setTimeout(() => {
      client.tell.note(`sending ${missing.length} of ${ids.length} objects to ${client.address} ...`);
    }, SHORT_MS);
    const headers = { "content-type": PACK_MEDIA_TYPE };
    const stream = transfer.writePack(source, missing, signal).pipeThrough(counter);
    try {
      await client.open("sendPack", { stream, headers, moreMs: UPLOAD_MS }, signal);
    } finally {
      clearTimeout(announcing);
    }
  }
  client.tell.detail(`sent ${missing.length} of ${ids.length} objects, ${Math.ceil(bytes / 1000)} kB`);
}

async function findMissing(client: ApiClient, ids: string[], signal: AbortSignal): Promise<string[]> {
  const missing: string[] = [];
  for (let at = 0; at < ids.length; at += IDS_PER_QUESTION) {
    const objects = ids.slice(at, at + IDS_PER_QUESTION);
    const answer = await client.ask("missingObjects", { body: { objects }, isRepeatable: true }, signal);
    missing.push(...answer.missing);
  }
  return missing;
}
