import { join } from "node:path";
import { lockFile } from "./file-lock.ts";
import type { StateDirectory } from "./state-directory.ts";

/**
 * Work of which the same is wanted by many at once, in this process and others with this state directory: it is done by one,
 * the others wait. `isDone` tells whether it is still to be done once nobody else is at it.
 */
export class OncePerHost {
  private readonly underWay = new Map<string, Promise<void>>();

  constructor(private readonly state: StateDirectory) {}

  /** `name` is part of a file's name. Not to be aborted: others wait for it as well. */
  run(name: string, isDone: () => Promise<boolean>, work: () => Promise<void>): Promise<void> {
    const current = this.underWay.get(name);
    if (current !== undefined) return current;
    const begun = this.workLocked(name, isDone, work).finally(() => this.underWay.delete(name));
    this.underWay.set(name, begun);
    return begun;
  }

  private async workLocked(
    name: string,
    isDone: () => Promise<boolean>,
    work: () => Promise<void>,
  ): Promise<void> {
    await using _lock = await lockFile(
      join(this.state.temporary, `${name}.lock`),
      new AbortController().signal,
    );
    if (!(await isDone())) await work();
  }
}
