import { expect, test } from "bun:test";
import { parsePipeline } from "../../src/pipeline/parse-pipeline.ts";

const GITLAB =
  "a: { script: ls }\nb: { script: ls, image: node }\nc: { script: ls, inherit: { default: false } }\n";

test("jobs without an image take the default one where images are needed", () => {
  const { pipeline, diagnostics } = parsePipeline(GITLAB, {
    file: ".gitlab-ci.yml",
    defaultImage: "busybox:1",
  });
  expect(diagnostics).toEqual([]);
  expect(pipeline?.jobs.map(({ image }) => image?.name)).toEqual(["busybox:1", "node", "busybox:1"]);
});

test("without it they are refused, with the setting in the hint", () => {
  const { diagnostics } = parsePipeline(GITLAB, { file: ".gitlab-ci.yml" });
  expect(diagnostics.map(({ code, line }) => [code, line])).toEqual([
    ["CONFIG_MISSING_IMAGE", 1],
    ["CONFIG_MISSING_IMAGE", 3],
  ]);
  expect(diagnostics[0]?.hint).toContain("default_image (CICD_DEFAULT_IMAGE)");
});
