import { CicdError } from "../errors/cicd-error.ts";

/** So many bytes of requests in memory at a time, over all of them. */
export class ByteBudget {
  private used = 0;

  constructor(private readonly max: number) {}

  /** The part of one request; disposing it gives back what it took. */
  open(): ByteShare {
    let taken = 0;
    return {
      take: (bytes) => {
        if (this.used + bytes > this.max) {
          throw new CicdError("SERVER_BUSY", "the server is reading as much as it can hold", {
            hint: "try again in a few seconds",
          });
        }
        this.used += bytes;
        taken += bytes;
      },
      [Symbol.dispose]: () => {
        this.used -= taken;
        taken = 0;
      },
    };
  }
}

export interface ByteShare extends Disposable {
  /** Throws SERVER_BUSY. */
  take(bytes: number): void;
}
