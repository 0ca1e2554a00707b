import { makeOpenApi } from "../../api/openapi.ts";
import type { Handlers } from "../handler.ts";

export const statusHandlers: Handlers<"health" | "readiness" | "metrics" | "openapi"> = {
  async health() {
    return { status: "ok" };
  },

  async readiness(_input, { readiness, draining }) {
    const parts = await readiness.ask();
    const isReady = parts.every(({ ready }) => ready);
    const status = draining.aborted ? "draining" : isReady ? "ready" : "unready";
    return Response.json({ status, parts }, { status: status === "ready" ? 200 : 503 });
  },

  async metrics(_input, { metrics, streams, uploads }) {
    const text = await metrics.render({ streams: streams.count, uploads: uploads.count });
    return new Response(text, { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
  },

  async openapi(_input, { version }) {
    return makeOpenApi(version);
  },
};
