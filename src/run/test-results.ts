/** What the tests of an attempt came to, over all its report files. `total` counts skipped ones as well. */
export interface TestCounts {
  total: number;
  failed: number;
  errors: number;
  skipped: number;
  /** The times of the tests, added up. */
  durationMs: number;
}

/** A test that failed, or (`error`) could not be carried out. What its report does not say is null. */
export interface TestFailure {
  suite: string | null;
  className: string | null;
  name: string;
  /** Relative to the workspace where that can be told. `line` from 1. */
  file: string | null;
  line: number | null;
  kind: "failure" | "error";
  message: string | null;
  /** What the report says besides, such as a stack. */
  detail: string | null;
}

export interface TestReport {
  counts: TestCounts;
  /** The first of them, up to the reader's limits. */
  failures: TestFailure[];
}

/**
 * Reads one JUnit XML file; `projectDir`: where the workspace was, as the job saw it. `problem`, at a line from 1: why the file is
 * none.
 */
export type JunitReader = (
  content: AsyncIterable<Uint8Array>,
  options: { projectDir: string; maxFailures: number },
) => Promise<TestReport | { problem: string; line: number }>;

export const NO_TESTS: TestCounts = { total: 0, failed: 0, errors: 0, skipped: 0, durationMs: 0 };

export function addCounts(one: TestCounts, other: TestCounts): TestCounts {
  return {
    total: one.total + other.total,
    failed: one.failed + other.failed,
    errors: one.errors + other.errors,
    skipped: one.skipped + other.skipped,
    durationMs: one.durationMs + other.durationMs,
  };
}
