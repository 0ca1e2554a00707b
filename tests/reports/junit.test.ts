import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readJunit } from "../../src/reports/junit.ts";

const FIXTURES = join(import.meta.dir, "fixtures");
const OPTIONS = { projectDir: "/builds/project", maxFailures: 1000 };

/** Byte by byte, and so through the middle of every sign. */
function read(bytes: Uint8Array | string, pieces = 64 * 1024, options = OPTIONS) {
  const all = Buffer.from(bytes);
  async function* content() {
    for (let at = 0; at < all.length; at += pieces) yield all.subarray(at, at + pieces);
  }
  return readJunit(content(), options);
}

async function failuresOf(file: string) {
  const report = await read(readFileSync(join(FIXTURES, file)));
  if ("problem" in report) throw new Error(report.problem);
  return {
    counts: report.counts,
    failures: report.failures.map(({ name, file, line, kind, message }) => ({
      name,
      file,
      line,
      kind,
      message,
    })),
  };
}

describe("the reports of", () => {
  test("jest-junit name the test's file, not that of the library", async () => {
    expect(await failuresOf("jest-junit.xml")).toEqual({
      counts: { total: 4, failed: 1, errors: 0, skipped: 1, durationMs: 9 },
      failures: [{ name: "sum carries", file: "src/sum.test.js", line: 8, kind: "failure", message: null }],
    });
  });

  test("pytest tell failures from errors", async () => {
    expect(await failuresOf("pytest.xml")).toEqual({
      counts: { total: 4, failed: 1, errors: 1, skipped: 1, durationMs: 13 },
      failures: [
        {
          ...{ name: "test_carries[10-0]", file: "tests/test_sum.py", line: 7, kind: "failure" },
          message: "assert 0 == 10",
        },
        {
          ...{ name: "test_connects", file: "tests/conftest.py", line: 4, kind: "error" },
          message: 'failed on setup with "ConnectionError: no route"',
        },
      ],
    });
  });

  test("surefire name the class's file, and a flaky test has passed", async () => {
    expect(await failuresOf("surefire.xml")).toEqual({
      counts: { total: 3, failed: 1, errors: 0, skipped: 0, durationMs: 1_234_530 },
      failures: [
        {
          ...{ name: "carries", file: "SumTest.java", line: 21, kind: "failure" },
          message: "expected: <10> but was: <0>",
        },
      ],
    });
  });

  test("gotestsum", async () => {
    expect(await failuresOf("gotestsum.xml")).toEqual({
      counts: { total: 3, failed: 1, errors: 0, skipped: 1, durationMs: 0 },
      failures: [
        {
          ...{ name: "TestCarries/nine_and_one", file: "sum_test.go", line: 12, kind: "failure" },
          message: "Failed",
        },
      ],
    });
  });

  test("phpunit, suites inside of suites", async () => {
    expect(await failuresOf("phpunit.xml")).toEqual({
      counts: { total: 3, failed: 1, errors: 1, skipped: 0, durationMs: 10 },
      failures: [
        {
          ...{
            name: 'testCarries with data set "ten"',
            file: "tests/SumTest.php",
            line: 17,
            kind: "failure",
          },
          message: "PHPUnit\\Framework\\ExpectationFailedException",
        },
        {
          ...{ name: "testThrows", file: "tests/SumTest.php", line: 24, kind: "error" },
          message: "TypeError",
        },
      ],
    });
  });

  test("cargo-nextest", async () => {
    expect(await failuresOf("cargo-nextest.xml")).toEqual({
      counts: { total: 3, failed: 1, errors: 0, skipped: 0, durationMs: 12 },
      failures: [
        {
          ...{ name: "tests::carries", file: "src/lib.rs", line: 14, kind: "failure" },
          message: "thread 'tests::carries' panicked at src/lib.rs:14:9: assertion `left == right` failed",
        },
      ],
    });
  });

  test("ctest, which puts everything into the output", async () => {
    expect(await failuresOf("ctest.xml")).toEqual({
      counts: { total: 3, failed: 1, errors: 0, skipped: 1, durationMs: 3 },
      failures: [{ name: "carries", file: "tests/carries.cpp", line: 9, kind: "failure", message: null }],
    });
  });

  test("all of them are the same in pieces of one byte", async () => {
    for (const file of readdirSync(FIXTURES)) {
      const bytes = readFileSync(join(FIXTURES, file));
      expect(await read(bytes, 1)).toEqual(await read(bytes));
    }
  });
});

describe("a file", () => {
  const problemOf = async (text: string) => {
    const report = await read(text);
    return "problem" in report ? `${report.line}: ${report.problem}` : report.counts;
  };

  test("that is broken is refused with its line", async () => {
    expect(await problemOf("<testsuite>\n<testcase name='a'>\n</testsuite>")).toBe("3: unexpected close tag");
    expect(await problemOf("<testsuite>\n<testcase name='a'/>")).toMatch(/^2: unclosed tag: testsuite/);
    expect(await problemOf("")).toMatch(/^1: .*root element/);
    expect(await problemOf("not xml")).toMatch(/^1: /);
    expect(await problemOf("<html></html>")).toBe(
      "1: it begins with <html> and not with <testsuites> or <testsuite>",
    );
    expect(await problemOf(`${"<testsuite>".repeat(101)}`)).toBe("1: its elements are more than 100 deep");
  });

  test("may declare entities, which are not expanded", async () => {
    const laughs = Array.from({ length: 30 }, (_, n) => `<!ENTITY l${n + 1} "&l${n};&l${n};">`).join("\n");
    const outside = '<!ENTITY file SYSTEM "file:///etc/passwd">';
    const body = '<testcase name="a"><failure>&l30;&file;</failure></testcase>';
    const report = await read(
      `<!DOCTYPE t [<!ENTITY l0 "ha">${laughs}${outside}]><testsuite>${body}</testsuite>`,
    );
    expect(report).toMatchObject({ counts: { failed: 1 }, failures: [{ detail: "&l30;&file;" }] });
  });

  test("may be in another encoding, and hold what terminals understand", async () => {
    const latin = Buffer.from(
      '<?xml version="1.0" encoding="ISO-8859-1"?><testsuite><testcase name="',
      "latin1",
    );
    const rest = Buffer.from(
      'gr\u00fcn"><failure>\u001b[31m&#27;[0m\u0000</failure></testcase></testsuite>',
      "latin1",
    );
    const report = await read(Buffer.concat([latin, rest]));
    expect(report).toMatchObject({ failures: [{ name: "gr\u00fcn", detail: "\ufffd[31m\u001b[0m\ufffd" }] });
  });

  test("of ten thousand failures keeps the first thousand, and their texts are cut", async () => {
    const one = `<testcase name="x" time="-1"><failure message="${"m".repeat(9000)}">d</failure></testcase>`;
    const report = await read(`<testsuite>${one.repeat(2000)}</testsuite>`);
    if ("problem" in report) throw new Error(report.problem);
    expect(report.counts).toEqual({ total: 2000, failed: 2000, errors: 0, skipped: 0, durationMs: 0 });
    expect(report.failures).toHaveLength(1000);
    expect(report.failures[0]!.message).toHaveLength(4096);
    expect(JSON.stringify(report.failures).length).toBeLessThan(3 * 1024 * 1024);
  });
});
