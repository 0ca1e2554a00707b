import type { TextProblem } from "./names.ts";

/**
 * Says what is wrong with the short name of a branch or tag, or undefined: the rules of git-check-ref-format(1), and no
 * leading hyphen.
 */
export function refNameProblem(name: string): TextProblem | undefined {
  const wrong = (hint: string) => ({
    message: `"${name.slice(0, 80)}" cannot be the name of a branch or tag`,
    hint,
  });
  if (name === "" || name.length > 255) return wrong("names have 1 to 255 characters");
  if (name.startsWith("-")) return wrong("it begins with a hyphen");
  if (name === "@" || name.includes("@{"))
    return wrong('"@" alone and "@{" have a meaning of their own in git');
  if (/[\u0000-\u0020\u007f~^:?*[\\]/.test(name))
    return wrong("blanks, control characters and ~ ^ : ? * [ \\ are not allowed");
  if (name.includes("..") || name.endsWith(".")) return wrong("no two dots in a row, and none at the end");
  const parts = name.split("/");
  if (parts.some((part) => part === "" || part.startsWith(".") || part.endsWith(".lock"))) {
    return wrong('between slashes stands something that does not begin with "." or end with ".lock"');
  }
  return undefined;
}
