type Label = ConstructorParameters<typeof TextDecoder>[0];

/** A decoder for the text of an XML file: by its byte order mark, else by its declaration, else UTF-8. */
export function decoderFor(head: Uint8Array): TextDecoder {
  if (head[0] === 0xff && head[1] === 0xfe) return new TextDecoder("utf-16le");
  if (head[0] === 0xfe && head[1] === 0xff) return new TextDecoder("utf-16be");
  const start = new TextDecoder("latin1").decode(head.subarray(0, 200));
  const said = /^\s*<\?xml[^>]{0,100}\sencoding\s*=\s*["']([\w.-]{1,40})["']/.exec(start)?.[1];
  try {
    return new TextDecoder((said === undefined || /^utf-?16/i.test(said) ? "utf-8" : said) as Label);
  } catch {
    return new TextDecoder("utf-8");
  }
}
