import { CicdError } from "../errors/cicd-error.ts";
import { runsByHand } from "../plan/triggers.ts";
import { nameOfFile } from "./judge-pipelines.ts";
import type { LoadedFile } from "./run-request.ts";

/**
 * The files that a request for runs means: where it names none, not those that `on:` gives neither `manual` nor `push`; what is
 * wrong with a file is still told. `note`: a sentence about what was left out. Throws NOTHING_TO_DO where nothing is left.
 */
export function takeByHand(
  files: LoadedFile[],
  isNamed: boolean,
): { files: LoadedFile[]; note: string | undefined } {
  if (isNamed) return { files, note: undefined };
  const leftOut = files.filter(({ pipeline }) => pipeline !== undefined && !runsByHand(pipeline.on));
  if (leftOut.length === 0) return { files, note: undefined };
  const names = leftOut.map(nameOfFile);
  const note = `left out, since "on" names neither manual nor push: ${names.join(", ")} (run one with -p NAME)`;
  if (leftOut.length < files.length) return { files: files.filter((file) => !leftOut.includes(file)), note };
  throw new CicdError("NOTHING_TO_DO", `no pipeline is run by hand: ${names.join(", ")}`, {
    hint: `"on" names neither manual nor push; run one all the same with -p ${names[0]}`,
  });
}
