import type { FollowItem } from "../../app/follow-run.ts";
import type { RunJson } from "../../app/shapes.ts";

/** Shows runs while they happen, one after the other. */
export interface RunView {
  /** `done`: names of the jobs that were over before. */
  begin(run: RunJson, done: string[]): void;
  /** In the order of `followRun`; settles when more may come. */
  take(item: FollowItem): Promise<void>;
  /** Shows what an interrupt has begun, or what can be answered to it; the next note takes its place. */
  tell(note: string): void;
  /** It goes on without being shown any further. */
  leave(): Promise<void>;
  /** The run is over; what is still buffered is shown. */
  end(run: RunJson): Promise<void>;
}
