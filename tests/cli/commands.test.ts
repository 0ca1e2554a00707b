import { describe } from "bun:test";
import { commandsSuite } from "./commands-suite.ts";
import { LOCAL } from "./mode.ts";
import { pipelineFilesSuite } from "./pipeline-files-suite.ts";

describe("here", () => {
  commandsSuite(LOCAL);
  pipelineFilesSuite(LOCAL);
});
