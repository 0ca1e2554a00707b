/** One message of Docker's stream of a pull. */
export interface PullMessage {
  id?: string;
  status?: string;
  error?: string;
  progressDetail?: { current?: number; total?: number };
}

const EVERY_MS = 2_000;

/**
 * Turns the thousands of messages of a pull into lines for people: one at most every two seconds, with the layers done
 * and the bytes that came. `now`: milliseconds, monotonic.
 */
export class PullProgress {
  readonly #image: string;
  readonly #layers = new Map<string, { done: boolean; current: number; total: number }>();
  #lastAt: number;

  constructor(image: string, now: number) {
    this.#image = image;
    this.#lastAt = now;
  }

  /** A line to show now, or undefined. */
  take(message: PullMessage, now: number): string | undefined {
    this.#note(message);
    if (now - this.#lastAt < EVERY_MS || this.#layers.size === 0) return undefined;
    this.#lastAt = now;
    const layers = [...this.#layers.values()];
    const done = layers.filter((layer) => layer.done).length;
    const current = layers.reduce((sum, layer) => sum + (layer.done ? layer.total : layer.current), 0);
    const total = layers.reduce((sum, layer) => sum + layer.total, 0);
    return `Pulling ${this.#image}: ${done} of ${layers.length} layers, ${megabytes(current)} of ${megabytes(total)} MB`;
  }

  #note({ id, status, progressDetail }: PullMessage): void {
    if (id === undefined || status === undefined || status.startsWith("Pulling from")) return;
    const layer = this.#layers.get(id) ?? { done: false, current: 0, total: 0 };
    if (status === "Downloading") {
      layer.current = progressDetail?.current ?? layer.current;
      layer.total = progressDetail?.total ?? layer.total;
    }
    if (status === "Download complete" || status === "Already exists" || status === "Pull complete")
      layer.done = true;
    this.#layers.set(id, layer);
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
