import type { TestCounts, TestFailure, TestReport } from "../run/test-results.ts";
import { findPlace, placeOf } from "./failure-place.ts";

type Attributes = Record<string, string>;

const MAX_MESSAGE = 4 * 1024;
const MAX_NAME = 500;
/** Of all messages and details of one file; what comes after it is named only. */
const MAX_TEXTS = 2 * 1024 * 1024;

/** Counts the tests of one file and keeps its failures. */
export class TestCollector {
  readonly #options: { projectDir: string; maxFailures: number };
  readonly #suites: Attributes[] = [];
  readonly #failures: TestFailure[] = [];
  readonly #counts: TestCounts = { total: 0, failed: 0, errors: 0, skipped: 0, durationMs: 0 };
  #room = MAX_TEXTS;

  constructor(options: { projectDir: string; maxFailures: number }) {
    this.#options = options;
  }

  openSuite(attributes: Attributes): void {
    this.#suites.push(attributes);
  }

  closeSuite(): void {
    this.#suites.pop();
  }

  openTest(attributes: Attributes): OpenTest {
    return new OpenTest(attributes);
  }

  closeTest(test: OpenTest): void {
    this.#counts.total += 1;
    this.#counts.durationMs += test.durationMs;
    if (test.kind === undefined) this.#counts.skipped += test.isSkipped ? 1 : 0;
    else {
      this.#counts[test.kind === "failure" ? "failed" : "errors"] += 1;
      if (this.#failures.length < this.#options.maxFailures)
        this.#failures.push(this.#describe(test, test.kind));
    }
  }

  report(): TestReport {
    const durationMs = Math.round(this.#counts.durationMs);
    return { counts: { ...this.#counts, durationMs }, failures: this.#failures };
  }

  #describe(test: OpenTest, kind: TestFailure["kind"]): TestFailure {
    const { projectDir } = this.#options;
    const { name, classname, class: ofClass, file, line } = test.attributes;
    const suite = this.#suites.at(-1);
    const className = shown(classname ?? ofClass);
    const detail = test.detail;
    const said = file === undefined ? undefined : placeOf(file, line, projectDir);
    const found =
      said?.line == null
        ? findPlace(`${detail}\n${test.message}`, { projectDir, className, file: said?.file })
        : said;
    const inSuite = suite?.file === undefined ? undefined : placeOf(suite.file, undefined, projectDir);
    const place = found ?? said ?? inSuite;
    return {
      suite: shown(suite?.name),
      className,
      name: shown(name) ?? "(without a name)",
      file: place?.file ?? null,
      line: place?.line ?? null,
      kind,
      message: this.#take(test.message.slice(0, MAX_MESSAGE)),
      detail: this.#take(detail),
    };
  }

  #take(text: string): string | null {
    const trimmed = text.replace(/^\s*\n/, "").trimEnd();
    if (trimmed === "" || trimmed.length > this.#room) return null;
    this.#room -= trimmed.length;
    return trimmed;
  }
}

/** A `testcase` while its elements are read. */
export class OpenTest {
  readonly attributes: Attributes;
  kind: TestFailure["kind"] | undefined;
  isSkipped: boolean;
  message = "";
  #detail = "";
  #output = "";

  constructor(attributes: Attributes) {
    this.attributes = attributes;
    this.isSkipped = /^(notrun|disabled|skipped)$/i.test(attributes.status ?? "");
  }

  /** Times such as `1,234.5`, in seconds. */
  get durationMs(): number {
    const seconds = Number((this.attributes.time ?? "").replaceAll(",", ""));
    return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
  }

  /** What the job printed, where the failure says nothing. */
  get detail(): string {
    return this.#detail.trim() === "" ? this.#output : this.#detail;
  }

  open(tag: string, { message, type }: Attributes): void {
    if (tag === "skipped") this.isSkipped = true;
    if (tag !== "failure" && tag !== "error") return;
    this.kind = this.kind === "failure" || tag === "failure" ? "failure" : "error";
    if (this.message === "") this.message = message ?? type ?? "";
  }

  close(tag: string, text: string): void {
    if (tag === "failure" || tag === "error") {
      if (this.#detail === "") this.#detail = text;
    } else if ((tag === "system-out" || tag === "system-err") && this.#output === "") this.#output = text;
  }
}

function shown(name: string | undefined): string | null {
  const text = name?.trim().slice(0, MAX_NAME) ?? "";
  return text === "" ? null : text;
}
