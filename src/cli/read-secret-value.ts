import type { Files } from "../app/app.ts";
import { CicdError } from "../errors/cicd-error.ts";

const MAX_BYTES = 1024 * 1024;

/**
 * The value of a secret: what a file holds, byte for byte, or what comes from stdin, without the line feed at its end; at a
 * terminal it is asked for and not shown. Throws USAGE where nothing comes, and what reading a file throws.
 */
export async function readSecretValue(
  files: Files,
  name: string,
  file: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  if (file !== undefined) return await files.readText(file);
  const value = process.stdin.isTTY ? await askHidden(`value of ${name}: `, signal) : await readAll();
  if (value !== undefined && value !== "") return value;
  throw new CicdError("USAGE", `there is no value for ${name}`, {
    hint: "type it, pipe it in, or name a file with --file",
  });
}

async function readAll(): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > MAX_BYTES) break;
  }
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

/** One line; undefined where the terminal has gone away, or nobody wants it any more. */
async function askHidden(prompt: string, signal: AbortSignal): Promise<string | undefined> {
  const { stdin, stderr } = process;
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  let typed = "";
  const giveUp = () => resolve(undefined);
  const take = (bytes: Buffer) => {
    for (const char of bytes.toString("utf8")) {
      if (char === "\r" || char === "\n") return resolve(typed);
      if (char === "\u0003" || char === "\u0004") return giveUp();
      typed = char === "\u007f" || char === "\b" ? [...typed].slice(0, -1).join("") : typed + char;
    }
  };
  stderr.write(prompt);
  stdin.setRawMode(true);
  stdin.on("data", take).on("end", giveUp).resume();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", giveUp);
    stdin.off("data", take).off("end", giveUp).pause();
    stdin.setRawMode(false);
    stderr.write("\n");
  }
}
