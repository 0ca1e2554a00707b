import { stringify } from "yaml";
import { nameProblem } from "./names.ts";
import { type StarterJob, starterJobs } from "./starter-jobs.ts";

/** A pipeline to start from: `name` for the file (`.cicd-pipelines/NAME.yml`), `text` that parses without a complaint. */
export interface Starter {
  name: string;
  text: string;
}

/**
 * A pipeline that fits the repository. `files`: the names at its root. `contents`: the text of those among them that say
 * more by their content (package.json, Makefile); others and unreadable ones may be missing.
 */
export function starterPipeline(files: string[], contents: Record<string, string>): Starter {
  const { about, image, variables, jobs } = starterJobs(files, contents);
  const stages = [...new Set(jobs.map((job) => job.stage))];
  const name = "ci";
  const document = {
    name,
    stages,
    ...(variables === undefined ? {} : { variables }),
    default: { image, timeout: "30m" },
    jobs: Object.fromEntries(jobs.filter((job) => nameProblem(job.name) === undefined).map(jobEntry)),
  };
  const body = stringify(document, { lineWidth: 0, flowCollectionPadding: false })
    .replace(/^(stages|variables|default|jobs):/gm, "\n$1:")
    .replace(/^ {2}(\S.*:)$/gm, "\n  $1")
    .replace(/^jobs:\n\n/m, "jobs:\n");
  return { name, text: `# ${about}\n# Check it with "cicd check", run it with "cicd run".\n${body}` };
}

function jobEntry({ name, ...job }: StarterJob): [string, Omit<StarterJob, "name">] {
  return [name, job];
}
