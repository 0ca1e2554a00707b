/** What is wrong with a text, and how to mend it. */
export interface TextProblem {
  message: string;
  hint: string;
}

export const MAX_NAME_LENGTH = 255;
/** What JSON Schema can say of `nameProblem`, but for its length. */
export const NAME_PATTERN = "^(?!\\.\\.?$)[\\s\\S]*\\S";

const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;

/**
 * Job, stage and pipeline names: 1 to 255 characters, none of them a control character, no blanks around; not "." and "..",
 * which a URL's path cannot hold (RFC 3986, section 5.2.4).
 */
export function nameProblem(name: string): TextProblem | undefined {
  const trimmed = name.trim();
  if (trimmed === "") return { message: "a name cannot be empty", hint: "give it at least one letter" };
  if (name.length > MAX_NAME_LENGTH) {
    return {
      message: `the name has ${name.length} characters; ${MAX_NAME_LENGTH} are allowed`,
      hint: "shorten it",
    };
  }
  if (CONTROL_CHARACTER.test(name)) {
    return {
      message: `the name ${JSON.stringify(name)} holds a control character`,
      hint: "use letters, digits, spaces and punctuation",
    };
  }
  if (name === "." || name === "..")
    return { message: `a name cannot be "${name}"`, hint: "no address could lead to it: add a letter" };
  if (name !== trimmed) {
    return { message: `the name "${name}" has blanks around it`, hint: `write "${trimmed}"` };
  }
  return undefined;
}

/** Names of environment variables: letters, digits, underscores; no digit first. */
export function variableNameProblem(name: string): TextProblem | undefined {
  if (VARIABLE_NAME.test(name)) return undefined;
  return {
    message: `"${name.slice(0, 80)}" cannot be the name of a variable`,
    hint: "use letters, digits and underscores, and no digit first",
  };
}

/** Artifact patterns: relative, inside the workspace, no negation. */
export function artifactPathProblem(path: string): TextProblem | undefined {
  return pathProblem(path, "artifact", 'write what to leave out under "exclude:", without the "!"');
}

/** Patterns of what is cached: as those of artifacts. */
export function cachePathProblem(path: string): TextProblem | undefined {
  return pathProblem(path, "cache", "name what to keep instead");
}

function pathProblem(path: string, of: string, insteadOfNot: string): TextProblem | undefined {
  const article = of === "artifact" ? "an" : "a";
  if (path.trim() === "")
    return { message: `${article} ${of} path cannot be empty`, hint: 'to keep everything write "."' };
  if (path.includes("\0"))
    return { message: `${article} ${of} path cannot hold a NUL character`, hint: "remove it" };
  if (path.trimStart().startsWith("!")) {
    return {
      message: `the ${of} path "${path}" begins with "!", which excludes nothing here`,
      hint: insteadOfNot,
    };
  }
  if (path.startsWith("/") || /^[A-Za-z]:[\\/]/.test(path)) {
    return {
      message: `the ${of} path "${path}" is absolute`,
      hint: "paths are relative to the workspace: leave out the leading part",
    };
  }
  if (path.split(/[\\/]/).includes("..")) {
    return {
      message: `the ${of} path "${path}" may leave the workspace`,
      hint: 'copy what you need into the workspace first; ".." is not allowed',
    };
  }
  return undefined;
}

/** What a tag that asks for a worker's label is made of. Variables may stand in it: what they make of it is seen in the run. */
export const TAG_PATTERN = "^(?:[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}|(?=.*\\$)[A-Za-z0-9._:/${}-]{1,255})$";

export function labelProblem(label: string): TextProblem | undefined {
  if (new RegExp(TAG_PATTERN).test(label)) return undefined;
  return {
    message: `"${label.slice(0, 80)}" cannot be a label`,
    hint: "use at most 63 letters, digits and . _ : / -, a letter or digit first; $VARIABLES may stand in it",
  };
}
