const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;
const PATH_PART = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const MAX_LENGTH = 4096;

/**
 * Says what is wrong with an image reference (`[host[:port]/]path[:tag][@digest]`, the grammar of
 * github.com/distribution/reference), or undefined. Of a name with `$VARIABLES` only the characters are checked.
 */
export function imageNameProblem(name: string): { message: string; hint: string } | undefined {
  const shown = name.length > 80 ? `${name.slice(0, 80)}…` : name;
  const wrong = (hint: string) => ({ message: `"${shown}" is not a valid image name`, hint });
  if (name === "") return wrong("write one like node:22-alpine");
  if (name.length > MAX_LENGTH) return wrong(`image names have at most ${MAX_LENGTH} characters`);
  if (name.startsWith("-")) return wrong("an image name starts with a letter or a digit");
  if (/\s/.test(name)) return wrong("image names have no spaces");
  const scheme = /^[a-z]+:\/\//i.exec(name);
  if (scheme !== null) return wrong(`leave out "${scheme[0]}"`);
  if (name.includes("$")) {
    return /^[A-Za-z0-9_.:/@${}[\]-]+$/.test(name)
      ? undefined
      : wrong("a character here is not allowed in image names");
  }
  return partsProblem(name, wrong);
}

function partsProblem(
  name: string,
  wrong: (hint: string) => { message: string; hint: string },
): { message: string; hint: string } | undefined {
  const [reference = "", digest, ...more] = name.split("@");
  if (more.length > 0) return wrong('there is more than one "@"');
  if (digest !== undefined && !DIGEST.test(digest))
    return wrong("a digest looks like sha256: and 64 hexadecimal digits");
  const colon = reference.lastIndexOf(":");
  const tag = colon > reference.lastIndexOf("/") ? reference.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) {
    return wrong("a tag has up to 128 letters, digits, underscores, dots and hyphens");
  }
  const path = (tag === undefined ? reference : reference.slice(0, colon)).split("/");
  const first = path[0] ?? "";
  if (path.length > 1 && (/[.:A-Z]/.test(first) || first === "localhost")) {
    if (!HOST.test(first)) return wrong(`"${first}" is not a host name`);
    path.shift();
  }
  const bad = path.find((part) => !PATH_PART.test(part));
  if (bad === undefined) return undefined;
  if (bad === "") return wrong("a part between the slashes is empty");
  if (bad !== bad.toLowerCase() && PATH_PART.test(bad.toLowerCase()))
    return wrong(`image names are in lower case: "${name.replace(bad, bad.toLowerCase())}"`);
  return wrong("a name has lower-case letters and digits, separated by dots, underscores or hyphens");
}
