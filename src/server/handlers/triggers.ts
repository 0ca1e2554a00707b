import { randomBytes } from "node:crypto";
import type { AnswerOf } from "../../api/routes.ts";
import { addRepository, listRepositories, listSchedules, removeRepository } from "../../app/repositories.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import type { DeliveryResult } from "../../run/registry.ts";
import type { Handlers } from "../handler.ts";
import { refuseOwnPaths } from "../own-paths.ts";
import { passUnproven, proveWebhook } from "../webhooks/proof.ts";
import { readEvent } from "../webhooks/read-event.ts";

/** Gitea waits 5 seconds for an answer, GitHub and GitLab 10. */
const ANSWER_WITHIN_MS = 4_000;

/** What is sent for a repository that is not known is passed with this secret: it takes as long as with a wrong signature. */
const NOBODYS_SECRET = randomBytes(32).toString("hex");

export const triggerHandlers: Handlers<
  "listRepositories" | "addRepository" | "removeRepository" | "listSchedules" | "webhook"
> = {
  async listRepositories(_input, { app, baseUrl }) {
    return { repositories: await listRepositories(app, baseUrl) };
  },

  async addRepository({ body }, { app, executor, baseUrl, signal, mayIdle }) {
    if (body.url.startsWith("/") || body.url.startsWith(".")) refuseOwnPaths(body.url);
    mayIdle();
    return addRepository(app, body, { executor, baseUrl }, signal);
  },

  async removeRepository({ params }, { app }) {
    await removeRepository(app, params.repository);
    return undefined;
  },

  async listSchedules(_input, { app }) {
    return { schedules: await listSchedules(app) };
  },

  async webhook({ params, body: raw }, { app, deliveries, request }) {
    const registry = await app.registry();
    const repository = await registry.findRepository({ id: params.repository });
    if (repository === undefined) {
      await raw.pass(passUnproven(NOBODYS_SECRET));
      throw unknownWebhook();
    }
    const body = await raw.read();
    const proof = proveWebhook(request.headers, body, repository.webhookSecret, app.now());
    if (proof === undefined) throw unknownWebhook();
    const { event, ignored } = readEvent(proof, request.headers.get("content-type") ?? "", body);
    if (event === undefined) return answer(false, ignored);
    const { hostId, digest } = proof;
    const delivery = { id: app.newId(), repositoryId: repository.id, hostId, digest, event };
    const taken = await deliveries.take(delivery, ANSWER_WITHIN_MS);
    if (taken === undefined) throw unknownWebhook();
    const { record, isNew } = taken;
    if (!isNew) return answer(false, "this delivery was taken before", record.result);
    if (record.result === null) return answer(true, "it is recorded, and acted upon soon");
    const { length } = record.result.runs;
    return answer(true, length === 0 ? "no run" : `${length} run${length === 1 ? "" : "s"}`, record.result);
  },
};

function unknownWebhook(): CicdError {
  return new CicdError("UNAUTHORIZED", "there is no such webhook, or its signature is wrong", {
    hint: "compare address and secret with what `cicd repo add` has shown",
  });
}

function answer(
  accepted: boolean,
  message: string,
  result: DeliveryResult | null = null,
): AnswerOf<"webhook"> {
  return { accepted, message, runs: result?.runs ?? [], notes: result?.notes ?? [] };
}
