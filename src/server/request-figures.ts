/** Upper bounds of the histograms, in seconds. */
const REQUEST_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** A histogram as Prometheus counts it. */
export class Histogram {
  private readonly counts: number[];
  private sum = 0;
  private count = 0;

  constructor(readonly bounds: readonly number[]) {
    this.counts = bounds.map(() => 0);
  }

  add(value: number): void {
    this.sum += value;
    this.count += 1;
    for (const [index, bound] of this.bounds.entries()) if (value <= bound) this.counts[index]! += 1;
  }

  /** Lines of the text format; `labels` as in `name="value"`, joined by commas. */
  render(name: string, labels: string): string[] {
    const before = labels === "" ? "" : `${labels},`;
    const braced = labels === "" ? "" : `{${labels}}`;
    return [
      ...this.bounds.map((bound, index) => `${name}_bucket{${before}le="${bound}"} ${this.counts[index]}`),
      `${name}_bucket{${before}le="+Inf"} ${this.count}`,
      `${name}_sum${braced} ${this.sum}`,
      `${name}_count${braced} ${this.count}`,
    ];
  }
}

/** Counts requests by route, method and status, and how long their answers took to begin. */
export class RequestFigures {
  private readonly totals = new Map<string, number>();
  private readonly durations = new Map<string, Histogram>();

  /** `route`: the pattern, never the path. */
  add(route: string, method: string, status: number, durationMs: number): void {
    const labels = `route="${route}",method="${method}",status="${status}"`;
    this.totals.set(labels, (this.totals.get(labels) ?? 0) + 1);
    const histogram = this.durations.get(route) ?? new Histogram(REQUEST_BOUNDS);
    this.durations.set(route, histogram);
    histogram.add(durationMs / 1000);
  }

  render(): string[] {
    return [
      "# TYPE cicd_http_requests_total counter",
      ...[...this.totals].map(([labels, count]) => `cicd_http_requests_total{${labels}} ${count}`),
      "# TYPE cicd_http_request_duration_seconds histogram",
      ...[...this.durations].flatMap(([route, histogram]) =>
        histogram.render("cicd_http_request_duration_seconds", `route="${route}"`),
      ),
    ];
  }
}
