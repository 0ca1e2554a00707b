import type { RunSummaryJson } from "../../app/shapes.ts";
import type { Style } from "./style.ts";
import { printable } from "./text.ts";

/** `web #12 · main · 1a2b3c4d Fix the parser · 2 modified, 1 untracked · docker` */
export function renderRunHeader(run: RunSummaryJson, style: Style): string {
  const { branch, commit, commitMessage, dirtyFiles } = run;
  const parts = [
    style.bold(`${printable(run.pipeline)} #${run.number}`),
    ...(branch === null ? [] : [printable(branch)]),
    ...(commit === null ? [] : [commitPart(commit, commitMessage)]),
    ...(dirtyFiles === null ? [] : [`${dirtyFiles.modified} modified, ${dirtyFiles.untracked} untracked`]),
    run.executor,
  ];
  return parts.join(style.dim(" · "));
}

function commitPart(commit: string, message: string | null): string {
  const short = commit.slice(0, 8);
  const subject = printable(message?.split("\n", 1)[0] ?? "");
  return subject === "" ? short : `${short} ${subject.length > 50 ? `${subject.slice(0, 49)}…` : subject}`;
}
