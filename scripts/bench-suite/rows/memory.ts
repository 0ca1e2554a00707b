import { contest } from "../contest.ts";
import { fan, single } from "../pipelines.ts";
import { memoryOf } from "../process.ts";
import { atMost, NotMeasurable, type Row, sideOf } from "../row.ts";
import { quantile } from "../statistics.ts";
import { FAN_WIDTH } from "./fan-out.ts";

const MOST_MB = 120;
const MEGABYTE = 1_000_000;
const WAITING = single("waiting", "sleep 3");

export const memory: Row = {
  name: "memory",
  title: "memory of cicd run: while a job sleeps, and the most while 50 jobs run",
  isCheap: true,
  async measure(bench) {
    if (process.platform !== "linux") throw new NotMeasurable("memory is read from Linux's /proc");
    const measuring = async (
      pipeline: typeof WAITING,
      judge: (resident: number[], peak: number) => number,
    ) => {
      const repository = await bench.repository(pipeline, "native");
      return async () => {
        const resident: number[] = [];
        let peak = 0;
        const watch = (pid: number) => {
          const found = memoryOf(pid);
          if (found === undefined) return;
          resident.push(found.residentBytes);
          peak = Math.max(peak, found.peakBytes);
        };
        await bench.time([bench.cicd, "run"], repository, { watch });
        return judge(resident, peak) / MEGABYTE;
      };
    };
    // Three seconds of sleep are most of that run: its median is what waiting takes.
    const idle = await measuring(WAITING, (resident) => quantile(resident, 0.5));
    const busy = await measuring(fan(FAN_WIDTH), (_, peak) => peak);
    const contestants = [
      { name: "idle", run: idle },
      { name: "busy", run: busy },
    ];
    const [whileIdle, whileBusy] = await contest(contestants, bench.fewRounds);
    const peak = sideOf("50 jobs", "MB", whileBusy!);
    return [
      atMost("memory while a job sleeps", sideOf("one job", "MB", whileIdle!), MOST_MB),
      atMost("peak memory", peak, MOST_MB, peak.max),
    ];
  },
};
