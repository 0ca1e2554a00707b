const MAX_LINES = 20;
const MAX_LINE_LENGTH = 2000;

/** The last lines of each job's newest attempt, for the end of a run. */
export class LastLines {
  private readonly byJob = new Map<string, string[]>();

  add(job: string, line: string): void {
    const lines = this.byJob.get(job);
    const short = line.length > MAX_LINE_LENGTH ? `${line.slice(0, MAX_LINE_LENGTH)}…` : line;
    if (lines === undefined) this.byJob.set(job, [short]);
    else if (lines.push(short) > MAX_LINES) lines.shift();
  }

  /** Another attempt begins. */
  forget(job: string): void {
    this.byJob.delete(job);
  }

  of(job: string): string[] {
    return this.byJob.get(job) ?? [];
  }
}
