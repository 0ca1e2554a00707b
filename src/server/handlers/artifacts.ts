import { describeExpired, findAttempt, layersOf, listArtifacts, readArtifact } from "../../app/artifacts.ts";
import { isExpired } from "../../app/expiry.ts";
import { notFound, readRun } from "../../app/find-run.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import type { Handlers } from "../handler.ts";
import { patientBody } from "../patient-body.ts";

export const artifactHandlers: Handlers<"listArtifacts" | "readArtifact" | "readArtifactLayer"> = {
  async listArtifacts({ params, query }, { app }) {
    const detail = await readRun(app, params.run);
    const now = app.now();
    const artifacts = listArtifacts(detail, query, now);
    const expired = artifacts.length > 0 ? undefined : describeExpired(detail, query, now);
    return { artifacts, expired: expired ?? null };
  },

  async readArtifact({ params, query }, { app, request, limits, mayIdle }) {
    const detail = await readRun(app, params.run);
    const now = app.now();
    const all = listArtifacts(detail, params, now);
    const artifact = all.find(({ path }) => path === query.path);
    if (artifact === undefined) {
      const expired = describeExpired(detail, { ...params, ...query }, now);
      if (expired !== undefined) throw new CicdError("NOT_FOUND", expired);
      const paths = all.map(({ path }) => path);
      throw notFound(`there is no artifact "${query.path}"`, query.path, paths, "artifacts");
    }
    const etag = `"${artifact.sha256}"`;
    const headers = { etag, "cache-control": "private, no-cache" };
    if (isKnown(request.headers.get("if-none-match"), etag)) {
      return new Response(null, { status: 304, headers });
    }
    const attempt = findAttempt(detail, params.job);
    const bytes = await readArtifact(await app.layers(), attempt, artifact.sha256);
    mayIdle();
    return new Response(patientBody(bytes, limits.stallMs), {
      headers: {
        ...headers,
        "content-type": "application/octet-stream",
        "content-length": String(artifact.sizeBytes),
        "content-disposition": attachment(artifact.path.slice(artifact.path.lastIndexOf("/") + 1)),
      },
    });
  },

  async readArtifactLayer({ params }, { app, signal, limits, mayIdle }) {
    const detail = await readRun(app, params.run);
    listArtifacts(detail, params, app.now());
    const attempt = findAttempt(detail, params.job);
    const layers = attempt === undefined ? [] : layersOf(attempt);
    if (attempt !== undefined && isExpired(detail, attempt, app.now())) {
      throw new CicdError("NOT_FOUND", describeExpired(detail, params, app.now()) ?? "the artifacts expired");
    }
    if (layers.length === 0) {
      throw new CicdError("NOT_FOUND", `"${params.job}" has no artifacts`);
    }
    mayIdle();
    const bytes = await (await app.layers()).readLayers(layers, signal);
    return new Response(patientBody(bytes, limits.stallMs), {
      headers: {
        "content-type": "application/x-tar",
        "content-disposition": attachment(`${params.job}.tar`),
      },
    });
  },
};

function isKnown(header: string | null, etag: string): boolean {
  return header?.split(",").some((text) => text.trim().replace(/^W\//, "") === etag) === true;
}

/** RFC 6266; the plain form for who knows no other. */
function attachment(name: string): string {
  const plain = name.replace(/[^\w.-]/g, "_");
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
