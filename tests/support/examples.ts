import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const EXAMPLES = join(import.meta.dir, "../../docs/examples");

/**
 * A file of `docs/examples/keywords` or `docs/examples/gitlab`, which ends with comments that say what comes of it:
 *
 *     $ cicd run ARGS        or check, or retry; begins a step, `-f FILE` goes without saying
 *     exit N                 its status, where that is not 0
 *     JOB: STATUS            every job; then, by commas, the reason of a failure, `exit code N`, `attempt N`; or `left out`
 *     [JOB] LINE             stands in its log; `not [JOB] LINE`: does not
 *     JOB keeps PATH, PATH   all artifacts of it, or `nothing`
 *     order: JOB, JOB        the second one starts after the first one's end
 *     says: TEXT             on stdout or stderr
 */
export interface Example {
  name: string;
  form: "native" | "gitlab";
  text: string;
  needsDocker: boolean;
  steps: Step[];
}

export interface Step {
  command: string[];
  /** Lines without the command's and empty ones. */
  expected: string[];
}

/** Every example in every form that it has: a native one is one of GitLab's as well unless it says `In the native form alone.` */
export function examples(): Example[] {
  return [
    ...read("keywords").flatMap(([name, text]) => [
      example(name, "native", text),
      ...(text.includes("In the native form alone.") ? [] : [example(name, "gitlab", inGitlabForm(text))]),
    ]),
    ...read("gitlab").map(([name, text]) => example(name, "gitlab", text)),
  ];
}

function read(folder: string): [name: string, text: string][] {
  const files = readdirSync(join(EXAMPLES, folder)).filter((name) => name.endsWith(".yml"));
  return files.sort().map((file) => [file.slice(0, -4), readFileSync(join(EXAMPLES, folder, file), "utf8")]);
}

function example(name: string, form: Example["form"], text: string): Example {
  return { name, form, text, needsDocker: text.includes("Needs Docker."), steps: stepsOf(text) };
}

function stepsOf(text: string): Step[] {
  const end = text.slice(text.indexOf("\n# $ ") + 1);
  const steps: Step[] = [];
  for (const line of end.split("\n")) {
    const said = line.replace(/^# ?/, "");
    if (said.startsWith("$ cicd ")) steps.push({ command: words(said.slice(7)), expected: [] });
    else if (said !== "") steps.at(-1)!.expected.push(said);
  }
  return steps;
}

/** Words of a command line, quotes taken away. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:[^\s"]|"[^"]*")+/g)].map(([word]) => word.replaceAll('"', ""));
}

/** Jobs stand at the top there, and pipelines have no name of their own; all else is the same text. */
function inGitlabForm(text: string): string {
  const [head, jobs] = text.split(/^jobs:\n/m);
  const unnamed = head!.replace(/^name: .*\n/m, "");
  return unnamed + jobs!.replace(/^ {2}/gm, "").replaceAll("-o jobs.", "-o ");
}
