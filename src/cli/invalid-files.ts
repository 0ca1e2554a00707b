import { toCheckJson } from "../app/check-pipelines.ts";
import type { LoadedFile } from "../app/run-request.ts";
import { CicdError } from "../errors/cicd-error.ts";
import type { Output } from "./output.ts";
import { renderProblems } from "./render/diagnostics.ts";
import { plural } from "./render/text.ts";

/** CONFIG_INVALID; with `--json` it carries the diagnostics. */
export class InvalidFilesError extends CicdError {
  constructor(readonly files: LoadedFile[]) {
    const broken = files.filter(({ pipeline }) => pipeline === undefined);
    const names = broken.map(({ file }) => file).join(", ");
    super("CONFIG_INVALID", `${plural(broken.length, "pipeline file")} with errors: ${names}`, {
      hint: "nothing was started",
    });
  }

  toJson(): object {
    return { diagnostics: toCheckJson(this.files).diagnostics };
  }
}

/** Shows what is wrong with the files, and makes the error that ends the command. */
export async function refuseInvalid(files: LoadedFile[], output: Output): Promise<CicdError> {
  if (!output.json) await output.err(renderProblems(files, output.style.err));
  return new InvalidFilesError(files);
}
