import { type CheckedFile, toCheckJson } from "../app/check-pipelines.ts";
import { DetailedError } from "./detailed-error.ts";
import type { Output } from "./output.ts";
import { renderProblems } from "./render/diagnostics.ts";
import { plural } from "./render/text.ts";

/** Shows what is wrong with the files, and makes the CONFIG_INVALID error that ends the command. */
export async function refuseInvalid(files: CheckedFile[], output: Output): Promise<DetailedError> {
  if (!output.json) await output.err(renderProblems(files, output.style.err));
  const broken = files.filter(({ pipeline }) => pipeline === null);
  const names = broken.map(({ file }) => file).join(", ");
  const message = `${plural(broken.length, "pipeline file")} with errors: ${names}`;
  const { diagnostics } = toCheckJson(files);
  return new DetailedError("CONFIG_INVALID", message, {
    hint: "nothing was started",
    details: { diagnostics },
  });
}
