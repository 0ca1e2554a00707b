import type { BodyOf } from "../../api/routes.ts";
import { MAX_PACK_BYTES } from "../../api/routes.ts";
import { enqueueRuns } from "../../app/enqueue-runs.ts";
import { toRunSummaryJson } from "../../app/shapes.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import type { Source, SourceRequest } from "../../run/workspace.ts";
import type { Handlers } from "../handler.ts";
import { refuseOwnPaths } from "../own-paths.ts";
import type { Context } from "../parts.ts";
import { InvalidFiles } from "../problems.ts";

export const sourceHandlers: Handlers<"missingObjects" | "sendPack" | "startRuns"> = {
  async missingObjects({ body }, { app, signal }) {
    const transfer = await app.transfer();
    return { missing: await transfer.findMissing(body.objects, signal) };
  },

  async sendPack({ body }, { app, signal, uploads, mayIdle }) {
    const release = uploads.take();
    try {
      mayIdle();
      await (await app.transfer()).receivePack(body, { maxBytes: MAX_PACK_BYTES }, signal);
      return undefined;
    } finally {
      release();
    }
  },

  async startRuns({ body }, context) {
    const { app, executor, signal } = context;
    if (body.file !== undefined && body.pipeline !== undefined) {
      throw new CicdError("USAGE", "file and pipeline exclude each other");
    }
    const { requestId, source, ...rest } = body;
    const enqueued = await enqueueRuns(
      app,
      {
        ...rest,
        source: await sourceOf(source, context),
        executor,
        trigger: source.kind === "tree" ? "cli" : "api",
        delivery: `request:${requestId}`,
      },
      signal,
    );
    if (enqueued.kind === "invalid") throw new InvalidFiles(enqueued.files);
    const now = app.now();
    return { runs: enqueued.runs.map((run) => toRunSummaryJson(run, now)), warnings: enqueued.warnings };
  },
};

/** A tree that was sent is opened at once; a repository is opened by whoever queues the runs. */
async function sourceOf(
  source: BodyOf<"startRuns">["source"],
  { app, signal }: Context,
): Promise<Source | SourceRequest> {
  if (source.kind === "tree") return (await app.transfer()).openReceived(source.described, signal);
  const { kind: _kind, ...request } = source;
  refuseOwnPaths(request.repo);
  return request;
}
