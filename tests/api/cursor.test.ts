import { describe, expect, test } from "bun:test";
import {
  decodeFollowCursor,
  decodeLogCursor,
  encodeFollowCursor,
  encodeLogCursor,
} from "../../src/api/cursor.ts";

const NAMES = ["build", "unit tests", "déploiement ; 1.2"];

describe("a cursor", () => {
  test("comes back as it was, whatever the jobs are named", () => {
    const cursor = {
      event: 42,
      logs: [
        { job: "unit tests", attempt: 1, offset: 0 },
        { job: "déploiement ; 1.2", attempt: 12, offset: 123_456_789 },
      ],
    };
    const text = encodeFollowCursor(cursor, NAMES);
    expect(text).toMatch(/^[\d.;]+$/);
    expect(decodeFollowCursor(text, NAMES)).toEqual(cursor);
    expect(decodeLogCursor(encodeLogCursor({ attempt: 2, offset: 7 }))).toEqual({ attempt: 2, offset: 7 });
  });

  test("of five hundred running jobs fits into a header", () => {
    const names = Array.from({ length: 500 }, (_, index) => `job ${index}`);
    const logs = names.map((job) => ({ job, attempt: 1, offset: 99_999_999 }));
    expect(encodeFollowCursor({ event: 9_999_999, logs }, names).length).toBeLessThan(8_192);
  });

  test.each(["", "x", "-1", "1;", "1;0.1", "1;9.1.0", "1;0.1.0.0", "01", "1;0.1.1e9", "9".repeat(40), "1\0"])(
    "%p is none",
    (text) => {
      expect(decodeFollowCursor(text, NAMES)).toBeUndefined();
    },
  );

  test.each(["", "1", "1.", ".1", "1.2.3", "-1.0", "1.-1"])("%p is none of a log", (text) => {
    expect(decodeLogCursor(text)).toBeUndefined();
  });
});
