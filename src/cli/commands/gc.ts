import type { ExecutorKind } from "../../app/app.ts";
import { collectGarbage, type GarbageReport } from "../../app/gc.ts";
import { type RecoveryReport, recover } from "../../app/recover.ts";
import { CicdError } from "../../errors/cicd-error.ts";
import { parseDuration } from "../../pipeline/duration.ts";
import { defineCicdCommand } from "../command.ts";
import type { Output } from "../output.ts";
import { plural, printable, size } from "../render/text.ts";

const DEFAULT_KEEP_LAST = 20;
const DEFAULT_OLDER_THAN = "30d";

export default defineCicdCommand({
  flags: {
    "keep-last": {
      kind: "count",
      value: "N",
      summary: `keep the newest N runs of each pipeline (default: ${DEFAULT_KEEP_LAST})`,
    },
    "older-than": {
      kind: "string",
      value: "TIME",
      summary: `of the others, remove what finished so long ago (default: ${DEFAULT_OLDER_THAN})`,
    },
    "dry-run": { kind: "boolean", summary: "only show what would go" },
  },
  details: [
    "Removes old runs, artifacts that have expired, snapshots and clones that were not used for a day, caches of jobs",
    "that were not used for 14, and what processes that died left in Docker. Runs that go on are never touched.",
  ].join("\n"),
  examples: ["cicd gc --dry-run", "cicd gc --keep-last 5 --older-than 7d"],
  async run({ flags, app, config, output, signal }) {
    const dryRun = flags["dry-run"];
    const retention = {
      keepLast: flags["keep-last"] ?? DEFAULT_KEEP_LAST,
      olderThanMs: toMilliseconds(flags["older-than"] ?? DEFAULT_OLDER_THAN),
    };
    const report = await collectGarbage(app, retention, { dryRun }, signal).catch(refuseFullDisk);
    const swept: RecoveryReport["swept"][] = [];
    for (const kind of dryRun ? [] : (["shell", "docker"] as const)) {
      swept.push(await sweep(kind).catch(refuseFullDisk));
    }
    if (output.json) await output.printJson({ dryRun, ...report, swept: addUp(swept) });
    else await output.out(renderGarbage(report, addUp(swept), dryRun));
    return undefined;

    async function sweep(kind: ExecutorKind): Promise<RecoveryReport["swept"]> {
      try {
        return (await recover(app, { sweep: true, executors: [kind] })).swept;
      } catch (error) {
        const isOptional = kind === "docker" && config.executor !== "docker";
        if (!(error instanceof CicdError) || error.code !== "DOCKER_UNREACHABLE" || !isOptional) throw error;
        skipDocker(output, error);
        return null;
      }
    }
  },
});

/** The usual hint would send people in a circle. */
function refuseFullDisk(error: unknown): never {
  if (!(error instanceof CicdError) || error.code !== "DISK_FULL") throw error;
  throw new CicdError("DISK_FULL", error.message, {
    hint: "what could be removed here is gone; free some space by other means",
    cause: error,
  });
}

function skipDocker(output: Output, error: CicdError): void {
  output.note(`Docker is left out: ${error.message}`);
}

function toMilliseconds(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds !== undefined) return milliseconds;
  throw new CicdError("USAGE", `--older-than: "${text}" is not a duration`, {
    hint: "for example 12h or 30d",
  });
}

type Swept = NonNullable<RecoveryReport["swept"]>;

function addUp(all: RecoveryReport["swept"][]): Swept {
  const total = { containers: 0, networks: 0, volumes: 0, directories: 0 };
  for (const swept of all) {
    for (const key of Object.keys(total) as (keyof Swept)[]) total[key] += swept?.[key] ?? 0;
  }
  return total;
}

function renderGarbage(report: GarbageReport, swept: Swept, dryRun: boolean): string {
  const { runs, expired, files } = report;
  const { bytes, ...counts } = files;
  const rows = [
    plural(runs.length, "run"),
    `artifacts of ${plural(expired, "attempt")} that expired`,
    ...Object.entries(counts).map(([name, count]) => `${count} ${NOUNS[name as keyof typeof counts]}`),
    ...(dryRun
      ? []
      : Object.entries(swept).map(([name, count]) => `${count} ${name} left by processes that died`)),
  ];
  const shown = rows.filter((row) => !/^0 |of 0 /.test(row));
  const verb = dryRun ? "would remove" : "removed";
  if (shown.length === 0) return `nothing to remove\n`;
  const names = runs.slice(0, 10).map((run) => `    ${printable(run.pipeline)} #${run.number}\n`);
  const more = runs.length > 10 ? `    and ${runs.length - 10} more\n` : "";
  const lines = shown.map(
    (row, index) => `  ${row}\n${index === 0 && runs.length > 0 ? names.join("") + more : ""}`,
  );
  return `${verb} (${size(bytes)} of files):\n${lines.join("")}`;
}

const NOUNS = {
  snapshots: "snapshots of trees",
  layers: "artifact layers",
  caches: "caches of jobs",
  blobs: "artifact files",
  clones: "clones of repositories",
  objects: "git objects of uncommitted files",
  received: "uploads of trees",
  shared: "snapshots and artifact layers in the shared store",
  temporary: "temporary directories",
};
