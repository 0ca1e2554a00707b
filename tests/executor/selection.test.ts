import { expect, test } from "bun:test";
import { selectFiles } from "../../src/executor/selection/selection.ts";

const FILES = ["!a", "!dir/x", "a", "b", "dir/x"];

function selected(paths: string[], exclude: string[] = []): string[] {
  const selection = selectFiles({ paths, exclude }, "/builds/web");
  return FILES.filter((path) => selection.accept(path));
}

test.each([
  [["!a"], ["!a"]],
  [["./!a"], ["!a"]],
  [["!*"], ["!a", "!dir/x"]],
  [["!dir/"], ["!dir/x"]],
  [["[!a]"], ["b"]],
])("a ! in front is a letter of the name: %j", (paths, expected) => {
  expect(selected(paths)).toEqual(expected);
});

test("a ! in front of what is excluded excludes nothing else", () => {
  expect(selected(["."], ["!a"])).toEqual(["!dir/x", "a", "b", "dir/x"]);
});
