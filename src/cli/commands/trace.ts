import { defineCicdCommand } from "../command.ts";
import { LOCAL_FLAG, PIPELINE_FLAG, REPO_FLAG, RUN_NUMBER_FLAG, RUN_REF_FLAGS } from "../common-flags.ts";
import { toChromeTrace } from "../render/chrome-trace.ts";
import { renderTrace } from "../render/trace.ts";
import { toRunSelection } from "../selections.ts";

export default defineCicdCommand({
  flags: {
    ...REPO_FLAG,
    ...LOCAL_FLAG,
    ...RUN_REF_FLAGS,
    ...PIPELINE_FLAG,
    ...RUN_NUMBER_FLAG,
    chrome: {
      kind: "string",
      value: "FILE",
      summary: "also writes a file for ui.perfetto.dev and chrome://tracing",
    },
  },
  details: [
    "Without --run: the newest run. For each attempt what its time went to; marked with * what made the run as long as it",
    "was: had one of these been faster, so had the run.",
  ].join("\n"),
  examples: ["cicd trace", "cicd trace -p web --run 12", "cicd trace --chrome web.json"],
  async run({ flags, app, output, signal, ...context }) {
    const service = await context.service();
    const run = await service.find(toRunSelection(flags), signal);
    const trace = await service.trace(run.id, signal);
    if (flags.chrome !== undefined) {
      const text = `${JSON.stringify(toChromeTrace(trace))}\n`;
      await app.files.save(flags.chrome, new Blob([text]).stream(), { force: true });
    }
    if (output.json) await output.printJson(trace);
    else await output.out(renderTrace(trace, output.size.columns, output.style.out));
    return undefined;
  },
});
