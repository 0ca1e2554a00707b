import { expect, test } from "bun:test";
import { compileFileGlob } from "../../src/pipeline/expression/file-glob.ts";

test.each([
  ["README.md", ["README.md"], ["docs/README.md", "README.mdx"]],
  ["dir/*", ["dir/a", "dir/.a"], ["dir/a/b", "dir", "x/dir/a"]],
  ["dir/**", ["dir/a"], ["dir/a/b"]],
  ["dir/**/*", ["dir/a", "dir/a/b", "dir/.git/x"], ["dir", "other/a"]],
  ["**/*", ["a", "a/b/c", ".env"], []],
  ["**/*.md", ["a.md", "a/b/c.md", ".md"], ["a.mdx"]],
  ["a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb"]],
  ["*.{js,ts}", ["a.js", "a.ts"], ["a.jsx", "a/b.js"]],
  ["{src,lib/{a,b}}/*.c", ["src/x.c", "lib/a/x.c", "lib/b/x.c"], ["lib/x.c"]],
  ["file.?s", ["file.js", "file.ts"], ["file.s", "file./s"]],
  ["v[0-9].txt", ["v1.txt"], ["va.txt", "v10.txt"]],
  ["v[^0-9].txt", ["va.txt"], ["v1.txt", "v/.txt"]],
  ["a\\*b", ["a*b"], ["axb"]],
  ["a[b", ["a[b"], ["ab"]],
  ["a{b", ["a{b"], ["ab"]],
])("the pattern %s", (pattern, matching, others) => {
  const matches = compileFileGlob(pattern);
  expect(matching.filter((path) => !matches(path))).toEqual([]);
  expect(others.filter((path) => matches(path))).toEqual([]);
});

test("a pattern of many stars and braces ends soon", () => {
  const started = performance.now();
  expect(compileFileGlob(`${"*a".repeat(100)}b`)("a".repeat(1_000))).toBe(false);
  expect(compileFileGlob("{a,b}".repeat(60))("c")).toBe(false);
  expect(performance.now() - started).toBeLessThan(1_000);
});
