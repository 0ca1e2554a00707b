import type { SaxesParser, SaxesTagPlain } from "saxes";
import type { TestReport } from "../run/test-results.ts";
import { type OpenTest, TestCollector } from "./collect-tests.ts";
import { decoderFor } from "./xml-encoding.ts";

const MAX_DEPTH = 100;
/** Of the text inside an element that is kept. */
const MAX_TEXT = 16 * 1024;

/**
 * Reads a JUnit XML file, as many tools write it and none describes it (https://github.com/testmoapp/junitxml): any nesting of
 * `testsuite`, `testcase` with `failure`, `error` or `skipped`. Nothing is fetched and no entity of a DTD is expanded.
 */
export async function readJunit(
  content: AsyncIterable<Uint8Array>,
  options: { projectDir: string; maxFailures: number },
): Promise<TestReport | { problem: string; line: number }> {
  const reading = new JunitReading(new TestCollector(options));
  let decoder: TextDecoder | undefined;
  try {
    for await (const bytes of content) {
      decoder ??= decoderFor(bytes);
      reading.push(decoder.decode(bytes, { stream: true }));
    }
    reading.push(decoder?.decode() ?? "");
    return reading.end();
  } catch (error) {
    if (error instanceof NotJunit) return { problem: error.message, line: error.line };
    throw error;
  }
}

class NotJunit extends Error {
  constructor(
    message: string,
    readonly line: number,
  ) {
    super(message);
  }
}

class JunitReading {
  readonly #parser: SaxesParser;
  readonly #tests: TestCollector;
  readonly #open: string[] = [];
  /** The text of the element that is open, cut. */
  #text = "";
  #test: OpenTest | undefined;

  constructor(tests: TestCollector) {
    this.#tests = tests;
    const { SaxesParser: Parser } = require("saxes") as typeof import("saxes");
    // Control characters of a terminal stand in reports as references, which only XML 1.1 has.
    this.#parser = new Parser({ xmlns: false, forceXMLVersion: true, defaultXMLVersion: "1.1" });
    this.#parser.on("error", (error) => this.#onError(error));
    this.#parser.on("opentag", (tag) => this.#onOpen(tag));
    this.#parser.on("closetag", () => this.#onClose());
    this.#parser.on("text", (text) => this.#onText(text));
    this.#parser.on("cdata", (text) => this.#onText(text));
  }

  push(text: string): void {
    this.#parser.write(text.replace(CONTROL, "\ufffd"));
  }

  end(): TestReport {
    this.#parser.close();
    return this.#tests.report();
  }

  #onError(error: Error): void {
    if (/undefined entity|disallowed character in entity name|malformed character entity/.test(error.message))
      return;
    throw this.#refuse(error.message.replace(/^[^ ]*\d+:\d+: /, "").replace(/\.$/, ""));
  }

  #refuse(message: string): NotJunit {
    return new NotJunit(message, this.#parser.line);
  }

  #onOpen({ name, attributes }: SaxesTagPlain): void {
    const tag = localName(name);
    if (this.#open.length === 0 && tag !== "testsuites" && tag !== "testsuite")
      throw this.#refuse(`it begins with <${name.slice(0, 80)}> and not with <testsuites> or <testsuite>`);
    this.#open.push(tag);
    if (this.#open.length > MAX_DEPTH) throw this.#refuse(`its elements are more than ${MAX_DEPTH} deep`);
    this.#text = "";
    if (tag === "testsuite") this.#tests.openSuite(attributes);
    else if (tag === "testcase") this.#test = this.#tests.openTest(attributes);
    else if (isOfTest(this.#open)) this.#test?.open(tag, attributes);
  }

  #onText(text: string): void {
    if (this.#text.length < MAX_TEXT) this.#text += text.slice(0, MAX_TEXT - this.#text.length);
  }

  #onClose(): void {
    const tag = this.#open.at(-1);
    if (tag === "testsuite") this.#tests.closeSuite();
    else if (tag === "testcase" && this.#test !== undefined) {
      this.#tests.closeTest(this.#test);
      this.#test = undefined;
    } else if (isOfTest(this.#open)) this.#test?.close(tag!, this.#text);
    this.#open.pop();
    this.#text = "";
  }
}

/** Not those inside of `flakyFailure` and the like. */
function isOfTest(open: readonly string[]): boolean {
  return open.at(-2) === "testcase";
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

/** No XML may hold these; what programs print does. */
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]/g;
