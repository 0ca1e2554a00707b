import { pipelineJsonSchema } from "../../pipeline/json-schema.ts";
import { defineCicdCommand } from "../command.ts";

export default defineCicdCommand({
  flags: {},
  details: "Editors with YAML support complete and check pipeline files with it.",
  examples: ["cicd schema > pipeline.schema.json"],
  async run({ output }) {
    await output.out(`${JSON.stringify(pipelineJsonSchema(), null, 2)}\n`);
    return undefined;
  },
});
