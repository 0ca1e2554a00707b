import type { FollowItem } from "../../app/follow-run.ts";
import type { RunJson } from "../../app/shapes.ts";
import type { RunRecord } from "../../run/records.ts";

/** Shows runs while they happen, one after the other. */
export interface RunView {
  /** `done`: names of the jobs that were over before. */
  begin(run: RunRecord, done: string[]): void;
  /** In the order of `followRun`; settles when more may come. */
  take(item: FollowItem): Promise<void>;
  /** The first interrupt, the second, ... */
  interrupted(count: number): void;
  /** The run is over; what is still buffered is shown. */
  end(run: RunJson): Promise<void>;
}
