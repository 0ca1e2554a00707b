import { CicdError } from "../../errors/cicd-error.ts";
import { defineCicdCommand } from "../command.ts";
import { LOCAL_FLAG, PIPELINE_FLAG, REPO_FLAG, RUN_NUMBER_FLAG, RUN_REF_FLAGS } from "../common-flags.ts";
import { renderTable } from "../render/table.ts";
import { plural, printable, size } from "../render/text.ts";
import { toRunSelection } from "../selections.ts";

export default defineCicdCommand({
  positionals: { usage: "[ls | get [PATH]]", max: 2 },
  flags: {
    ...REPO_FLAG,
    ...LOCAL_FLAG,
    ...RUN_REF_FLAGS,
    ...PIPELINE_FLAG,
    ...RUN_NUMBER_FLAG,
    job: { kind: "string", short: "j", value: "JOB", summary: "only of this job" },
    output: { kind: "string", value: "DIR", summary: "where get puts them (default: artifacts)" },
    force: { kind: "boolean", summary: "put them into a directory that is not empty" },
  },
  details:
    "Without --run: the newest run. PATH is a file or a directory of the artifacts; without it get fetches all.",
  examples: [
    "cicd artifacts",
    "cicd artifacts get --output out",
    "cicd artifacts get dist/app.js -p web --run 12",
  ],
  async run({ flags, positionals, output, signal, ...context }) {
    const [action = "ls", path] = positionals;
    if (action !== "ls" && action !== "get") {
      throw new CicdError("USAGE", `artifacts does not know "${action}"`, { hint: "it knows ls and get" });
    }
    if (action === "ls" && path !== undefined) throw new CicdError("USAGE", `unexpected argument "${path}"`);
    const service = await context.service();
    const { id } = await service.find(toRunSelection(flags), signal);
    const job = flags.job === undefined ? {} : { job: flags.job };
    if (action === "ls") {
      const { artifacts: listed, expired } = await service.artifacts(id, job, signal);
      if (output.json) await output.printJson({ artifacts: listed });
      else if (listed.length === 0) output.note(expired ?? "the run has no artifacts");
      const rows = listed.map((entry) => [
        printable(entry.job),
        printable(entry.path),
        size(entry.sizeBytes),
      ]);
      if (!output.json) await output.out(renderTable(rows));
      return undefined;
    }
    const directory = flags.output ?? "artifacts";
    const request = { ...job, ...(path === undefined ? {} : { path }), directory, force: flags.force };
    const written = await service.getArtifacts(id, request, signal);
    if (output.json) await output.printJson({ directory, artifacts: written });
    else await output.out(`${plural(written.length, "artifact")} in ${directory}\n`);
    return undefined;
  },
});
