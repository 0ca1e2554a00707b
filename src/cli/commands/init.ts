import { relative } from "node:path";
import { initPipeline } from "../../app/init.ts";
import { defineCicdCommand } from "../command.ts";

export default defineCicdCommand({
  flags: {
    repo: { kind: "string", short: "r", value: "REPO", summary: "a path in a working tree (default: here)" },
  },
  details: "Looks at package.json, go.mod, Cargo.toml and the like. Never overwrites a file.",
  examples: ["cicd init"],
  async run({ flags, app, output, signal }) {
    const { file } = await initPipeline(app, flags.repo ?? ".", signal);
    if (output.json) await output.printJson({ file });
    else await output.out(`wrote ${relative(process.cwd(), file)}\n`);
    output.note("check it with: cicd check · run it with: cicd run");
    return undefined;
  },
});
