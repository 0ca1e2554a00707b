import type { BodyOf } from "../../api/routes.ts";
import { toCheckJson, toSentFiles } from "../../app/check-pipelines.ts";
import { withDefaultImage } from "../../app/default-image.ts";
import { toDryRunJson } from "../../app/dry-run.ts";
import { explainPlans } from "../../app/explain-plan.ts";
import { factsWithoutSource } from "../../app/gather-facts.ts";
import { FILES_ALONE, judgePipelines } from "../../app/judge-pipelines.ts";
import { planFiles } from "../../app/prepare-runs.ts";
import type { LoadedFile } from "../../app/run-request.ts";
import { treeOfSent } from "../../app/sent-tree.ts";
import { takeByHand } from "../../app/take-by-hand.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import type { Handlers } from "../handler.ts";
import type { Context } from "../parts.ts";
import { InvalidFiles } from "../problems.ts";

export const pipelineHandlers: Handlers<"check" | "dryRun" | "explainPlan"> = {
  async check({ body }, context) {
    const files = toSentFiles(await judge(body, context));
    return { ...toCheckJson(files), files };
  },

  async dryRun({ body }, context) {
    const files = await judge(body, context);
    if (files.some(({ pipeline }) => pipeline === undefined)) throw new InvalidFiles(files);
    const taken = takeByHand(files, body.isNamed || body.pipeline !== undefined);
    const warnings = taken.note === undefined ? [] : [taken.note];
    const facts = factsWithoutSource(files, { trigger: "api", executor: context.executor });
    const { plans, warnings: doubts } = await planFiles(taken.files, body, facts);
    return { plans: plans.map(toDryRunJson), warnings: [...warnings, ...doubts] };
  },

  async explainPlan({ body }, context) {
    const files = await judge(body, context);
    if (files.some(({ pipeline }) => pipeline === undefined)) throw new InvalidFiles(files);
    const facts = factsWithoutSource(files, { trigger: "api", executor: context.executor });
    return { explanations: await explainPlans(files, body, facts) };
  },
};

async function judge(
  body: BodyOf<"check"> & { variables?: Record<string, string> },
  { app, executor, judging, limits, signal, mayIdle }: Context,
): Promise<LoadedFile[]> {
  const release = judging.take();
  mayIdle();
  const late = AbortSignal.timeout(limits.judgeMs);
  const { files, overrides, pipeline, around, variables = {} } = body;
  const tree = around === undefined ? FILES_ALONE : treeOfSent(around, variables);
  const choice = withDefaultImage(app, {
    overrides,
    imageRequired: body.imageRequired ?? executor === "docker",
    ...(pipeline === undefined ? {} : { pipeline }),
  });
  try {
    return await judgePipelines(files, choice, tree, AbortSignal.any([signal, late]));
  } catch (error) {
    if (!late.aborted || error !== late.reason) throw error;
    throw new CicdError("SERVER_BUSY", "the server has not come to judge these files in time", {
      hint: "try again in a few seconds, or without the server: --local",
    });
  } finally {
    release();
  }
}
