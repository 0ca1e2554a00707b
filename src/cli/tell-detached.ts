import type { RunSummaryJson } from "../app/shapes.ts";
import { EXIT } from "../errors/codes.ts";
import type { Output } from "./output.ts";
import { printable, shellWord } from "./render/text.ts";

/** Names the runs that go on without this process, and how to see what they do. Returns the exit status. */
export async function tellDetached(output: Output, runs: RunSummaryJson[]): Promise<number> {
  for (const run of runs) {
    if (output.json) await output.printJson({ type: "run.detached", run });
    else await output.out(`${printable(run.pipeline)} #${run.number}\n`);
    const words = ["cicd", "logs", "-f", "-p", run.pipeline, "--run", String(run.number)];
    output.note(`follow it with: ${words.map(shellWord).map(printable).join(" ")}`);
  }
  return EXIT.success;
}
