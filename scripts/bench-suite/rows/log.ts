import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { contest } from "../contest.ts";
import { IMAGE, single } from "../pipelines.ts";
import { memoryOf } from "../process.ts";
import { atMost, atMostTimes, isSo, type Row, sideOf } from "../row.ts";

const LINES = 2_000_000;
/** Each line is its number in 9 digits, this text and a line feed: 100 bytes. */
const TEXT = " compiling one more module of the application with all the usual warnings switched on, done";
const TOTAL_BYTES = LINES * (9 + TEXT.length + 1);
const PRODUCER = `awk 'BEGIN { for (i = 0; i < ${LINES}; i++) printf "%09d${TEXT}\\n", i }'`;
/** What cicd itself says before the job's output. */
const MOST_HEAD_BYTES = 4_096;
const MEGABYTE = 1_000_000;
const PIPELINE = single("log", PRODUCER);

export const log: Row = {
  name: "log",
  title: "one job that prints 200 MB, against docker run writing to a file",
  isCheap: false,
  async measure(bench) {
    const repository = await bench.repository(PIPELINE, "native");
    const env = { ...bench.environment, CICD_LOG_LIMIT: "300MB" };
    const peaks: number[] = [];
    const run = async () => {
      let peakBytes = 0;
      const watch = (pid: number) => {
        peakBytes = Math.max(peakBytes, memoryOf(pid)?.peakBytes ?? 0);
      };
      const tookMs = await bench.time([bench.cicd, "run"], repository, { env, watch });
      peaks.push(peakBytes / MEGABYTE);
      return tookMs;
    };
    const docker = ["docker", "run", "--rm", IMAGE, "sh", "-c", PRODUCER];
    const [own, byHand] = await contest(
      [
        { name: "cicd run", run },
        { name: "docker run", run: () => bench.time(docker, bench.directory) },
      ],
      bench.fewRounds,
    );
    const memory = sideOf("cicd run", "MB", peaks);
    return [
      atMostTimes("200 MB of log", sideOf("cicd run", "ms", own!), sideOf("docker run", "ms", byHand!), 1.5),
      ...(process.platform === "linux"
        ? [atMost("200 MB of log, peak memory", memory, 200, memory.max)]
        : []),
      await nothingLost(bench, repository),
    ];
  },
};

/** The last bytes of what is stored must be all that the job printed. */
async function nothingLost(bench: Bench, repository: string) {
  const stored = join(bench.directory, "stored-log");
  const command = [bench.cicd, "logs", "-p", PIPELINE.name, "--job", PIPELINE.jobs[0]!.name];
  await bench.time(command, repository, { output: stored });
  const { size } = await stat(stored);
  const head = size - TOTAL_BYTES;
  const isWhole = head >= 0 && head <= MOST_HEAD_BYTES && (await hashFrom(stored, head)) === hashOfOutput();
  return isSo("200 MB of log, nothing lost", "the same SHA-256", isWhole, isWhole ? "the same" : "DIFFERENT");
}

async function hashFrom(path: string, start: number): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(path, { start })) hash.update(bytes as Uint8Array);
  return hash.digest("hex");
}

/** Of what the producer prints, reckoned here. */
function hashOfOutput(): string {
  const hash = createHash("sha256");
  for (let line = 0; line < LINES; line++) hash.update(`${String(line).padStart(9, "0")}${TEXT}\n`);
  return hash.digest("hex");
}
