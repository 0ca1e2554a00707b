import type { BodyOf } from "../../api/routes.ts";
import { toCheckedFile, toCheckJson } from "../../app/check-pipelines.ts";
import { toDryRunJson } from "../../app/dry-run.ts";
import { judgePipelines } from "../../app/judge-pipelines.ts";
import { planFiles } from "../../app/prepare-runs.ts";
import type { LoadedFile } from "../../app/run-request.ts";
import { takeByHand } from "../../app/take-by-hand.ts";
import type { Handlers } from "../handler.ts";
import type { Context } from "../parts.ts";
import { InvalidFiles } from "../problems.ts";

export const pipelineHandlers: Handlers<"check" | "dryRun"> = {
  async check({ body }, context) {
    const files = judge(body, context).map(toCheckedFile);
    return { ...toCheckJson(files), files };
  },

  async dryRun({ body }, context) {
    const files = judge(body, context);
    if (files.some(({ pipeline }) => pipeline === undefined))
      throw new InvalidFiles(files.map(toCheckedFile));
    const taken = takeByHand(files, body.isNamed || body.pipeline !== undefined);
    const warnings = taken.note === undefined ? [] : [taken.note];
    return { plans: planFiles(taken.files, body).map(toDryRunJson), warnings };
  },
};

function judge(body: BodyOf<"check">, { executor }: Context): LoadedFile[] {
  const { files, overrides, pipeline } = body;
  return judgePipelines(files, {
    overrides,
    imageRequired: body.imageRequired ?? executor === "docker",
    ...(pipeline === undefined ? {} : { pipeline }),
  });
}
