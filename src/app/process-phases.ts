import { PhaseRecorder, type PhaseSpan, type RunPhase, steadyClock } from "../run/phases.ts";
import type { Store } from "../run/store.ts";

/**
 * What this process does for the runs that it makes or drives, besides their jobs, from its own start on. It is written when
 * the process closes; that it cannot be written fails nothing.
 */
export class ProcessPhases {
  readonly #recorder: PhaseRecorder<RunPhase>;
  /** By run: where its part ended, undefined while it goes on. */
  readonly #runs = new Map<string, PhaseSpan[] | undefined>();

  /** `uptimeMs`: for how long the process has been there. */
  constructor(uptimeMs: number, now = steadyClock()) {
    this.#recorder = new PhaseRecorder<RunPhase>("startup", now, now() - uptimeMs);
  }

  enter(phase: RunPhase): void {
    this.#recorder.enter(phase);
  }

  /** This process works for that run. */
  follow(runId: string): void {
    if (!this.#runs.has(runId)) this.#runs.set(runId, undefined);
  }

  /** What comes now is for other runs. */
  leave(runId: string): void {
    this.#runs.set(runId, this.#recorder.spans());
  }

  async write(store: () => Promise<Store>): Promise<void> {
    if (this.#runs.size === 0) return;
    try {
      for (const [runId, ended] of this.#runs) {
        const spans = ended ?? this.#recorder.spans();
        await (await store()).addPhases({ runId, jobId: null, attempt: null, spans });
      }
    } catch {
      // The trace of these runs says what was not recorded.
    }
  }
}
