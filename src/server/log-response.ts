import { notFound } from "../app/find-run.ts";
import { CicdError } from "../errors/cicd-error.ts";
import type { RunDetail, Store } from "../run/store.ts";
import { type ByteRange, readRange } from "./byte-range.ts";
import type { Context } from "./parts.ts";
import { patientBody } from "./patient-body.ts";

const SLICE_BYTES = 256 * 1024;

/**
 * The stored log of an attempt (the newest, unless one is named), or the Range of it that is asked for. Throws NOT_FOUND for a
 * job or attempt that the run does not have.
 */
export async function logResponse(
  context: Context,
  detail: RunDetail,
  name: string,
  wanted: number | undefined,
): Promise<Response> {
  const { run, jobs } = detail;
  const job = jobs.find((candidate) => candidate.name === name);
  if (job === undefined) {
    const names = jobs.map((candidate) => candidate.name);
    throw notFound(`run #${run.number} of ${run.pipeline} has no job "${name}"`, name, names, "jobs");
  }
  const attempt = wanted ?? job.attempt;
  if (attempt > job.attempt) throw new CicdError("NOT_FOUND", `"${name}" has had ${job.attempt} attempts`);
  const store = await context.app.store();
  const at = { jobId: job.id, attempt };
  const size = attempt === 0 ? 0 : (await store.readLog({ ...at, offset: 0, maxBytes: 1 })).end;
  const range = readRange(context.request.headers.get("range"), size);
  const { start, end } = range ?? { start: 0, end: size };
  const headers = new Headers({
    "content-type": "text/plain; charset=utf-8",
    "content-length": String(end - start),
    "accept-ranges": "bytes",
  });
  if (range !== undefined) headers.set("content-range", `bytes ${start}-${end - 1}/${size}`);
  const status = range === undefined ? 200 : 206;
  if (start === end) return new Response("", { status, headers });
  context.mayIdle();
  const bytes = patientBody(logBytes(store, at, { start, end }), context.limits.stallMs);
  return new Response(bytes, { status, headers });
}

/** Read from the store as fast as they are taken. */
function logBytes(
  store: Store,
  at: { jobId: string; attempt: number },
  { start, end }: ByteRange,
): ReadableStream<Uint8Array> {
  let offset = start;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const maxBytes = Math.min(SLICE_BYTES, end - offset);
      const { bytes } = await store.readLog({ ...at, offset, maxBytes });
      if (bytes.byteLength === 0) throw new CicdError("NOT_FOUND", "the run has been deleted");
      offset += bytes.byteLength;
      controller.enqueue(bytes);
      if (offset >= end) controller.close();
    },
  });
}
