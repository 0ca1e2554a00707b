import type { Node } from "./node.ts";
import { readPlainYaml } from "./plain-yaml.ts";
import type { Report, Source } from "./source.ts";

export const MAX_FILE_BYTES = 1024 * 1024;

/** `header`: the document with `spec` that may stand before the one of the pipeline. */
export interface YamlFile {
  header: Node | undefined;
  root: Node;
}

/**
 * Reads the one YAML document of a source. Undefined where the text is no YAML or exceeds a limit; then every problem
 * found has been reported.
 */
export function readDocument(source: Source, report: Report): Node | undefined {
  const file = readYamlFile(source, report);
  if (file?.header === undefined) return file?.root;
  const message = "a second YAML document begins here";
  return report.error("CONFIG_SYNTAX", file.root.span, message, "one document is expected here");
}

/** The same of a file, which may have a header. */
export function readYamlFile(source: Source, report: Report): YamlFile | undefined {
  if (!isReadableText(source, report)) return undefined;
  const root = readPlainYaml(source, report);
  return root === undefined ? readFullYaml(source, report) : { header: undefined, root };
}

/** By the full parser, which few files need: it is loaded for the first that does. */
function readFullYaml(source: Source, report: Report): YamlFile | undefined {
  const { readYaml } = require("./full-yaml.ts") as typeof import("./full-yaml.ts");
  return readYaml(source, report);
}

/** Refuses what no YAML parser should see: too much of it, NUL bytes and other control characters. */
function isReadableText(source: Source, report: Report): boolean {
  const { text } = source;
  const sizeBytes = text.length > MAX_FILE_BYTES / 3 ? new TextEncoder().encode(text).length : text.length;
  if (sizeBytes > MAX_FILE_BYTES) {
    report.error(
      "CONFIG_TOO_LARGE",
      { source, start: 0, end: 1 },
      `the file has ${sizeBytes} bytes; ${MAX_FILE_BYTES} are allowed`,
      "move long scripts into files of the repository",
    );
    return false;
  }
  return hasNoControlCharacters(source, report);
}

function hasNoControlCharacters(source: Source, report: Report): boolean {
  const at = (index: number) => ({ source, start: index, end: index + 1 });
  const undecodable = source.text.indexOf("\ufffd");
  if (undecodable >= 0) {
    const message = "a character that could not be read (U+FFFD)";
    report.warning("CONFIG_SYNTAX", at(undecodable), message, "save the file as UTF-8");
  }
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f]/.exec(source.text);
  if (control === null) return true;
  const name = `U+${control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  const [message, hint] =
    control[0] === "\0"
      ? ["a NUL byte: this is no text, or not UTF-8", "save the file as UTF-8"]
      : [`the control character ${name}`, 'remove it, or write it as "\\x.." in double quotes'];
  report.error("CONFIG_SYNTAX", at(control.index), message, hint);
  return false;
}
