import { CicdError } from "../errors/cicd-error.ts";

/** So many of something at a time, and so many of one holder; the next one is refused. */
export class Slots {
  private used = 0;
  private readonly held = new Map<string, number>();

  constructor(
    private readonly what: string,
    private readonly max: number,
    private readonly maxEach = max,
  ) {}

  /** The function that gives the slot back, once. Throws SERVER_BUSY. */
  take(holder = ""): () => void {
    if (this.used >= this.max) {
      throw new CicdError("SERVER_BUSY", `the server has ${this.max} ${this.what} open already`, {
        hint: "try again in a few seconds",
      });
    }
    const held = this.held.get(holder) ?? 0;
    if (held >= this.maxEach) {
      throw new CicdError("SERVER_BUSY", `your token has ${this.maxEach} ${this.what} open already`, {
        hint: "end some of them",
      });
    }
    this.used += 1;
    this.held.set(holder, held + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.used -= 1;
      const left = (this.held.get(holder) ?? 1) - 1;
      if (left === 0) this.held.delete(holder);
      else this.held.set(holder, left);
    };
  }

  get count(): number {
    return this.used;
  }
}
