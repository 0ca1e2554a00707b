import type { FollowItem } from "../../app/follow-run.ts";
import { type RunJson, toIso } from "../../app/shapes.ts";
import type { Output } from "../output.ts";
import type { RunView } from "./run-view.ts";

/** One JSON event per line; the last of each run is `run.finished` with the whole run. */
export class JsonView implements RunView {
  private run: RunJson | undefined;
  private readonly decoders = new Map<string, TextDecoder>();

  constructor(private readonly output: Output) {}

  begin(run: RunJson): void {
    this.run = run;
  }

  async take(item: FollowItem): Promise<void> {
    const base = { pipeline: this.run?.pipeline, run: this.run?.number };
    if (item.kind === "log") {
      const { job, attempt, offset } = item;
      const text = this.decoderOf(job, attempt).decode(item.bytes, { stream: true });
      await this.output.printJson({ type: "job.log", ...base, job, attempt, offset, text });
      return;
    }
    const { type, at, job, attempt } = item.event;
    const { worker: _worker, ...data } = item.event.data;
    if (type === "run.finished") return;
    const about = job === null ? {} : { job, attempt };
    await this.output.printJson({ type, at: toIso(at), ...base, ...about, ...data });
  }

  tell(): void {}

  async leave(): Promise<void> {}

  async end(run: RunJson): Promise<void> {
    this.decoders.clear();
    await this.output.printJson({ type: "run.finished", run });
  }

  /** A character may be cut in two by the pieces of a log. */
  private decoderOf(job: string, attempt: number): TextDecoder {
    const key = `${attempt} ${job}`;
    const decoder = this.decoders.get(key) ?? new TextDecoder();
    this.decoders.set(key, decoder);
    return decoder;
  }
}
