import { CicdError } from "../errors/cicd-error.ts";

/** So many of something at a time; the next one is refused. */
export class Slots {
  private used = 0;

  constructor(
    private readonly what: string,
    private readonly max: number,
  ) {}

  /** The function that gives the slot back, once. Throws SERVER_BUSY. */
  take(): () => void {
    if (this.used >= this.max) {
      throw new CicdError("SERVER_BUSY", `the server has ${this.max} ${this.what} open already`, {
        hint: "try again in a few seconds",
      });
    }
    this.used += 1;
    let isHeld = true;
    return () => {
      if (isHeld) this.used -= 1;
      isHeld = false;
    };
  }

  get count(): number {
    return this.used;
  }
}
