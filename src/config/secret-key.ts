import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { CicdError } from "../errors/cicd-error.ts";
import { isOpenToOthers, makeStateDir, readOrCreate } from "./state-dir.ts";

const FORM = /^[0-9a-f]{64}$/i;

/**
 * The key that secrets are sealed with: CICD_SECRET_KEY, else that of the state directory, made when it is first needed. 32 bytes. Throws
 * SECRET_KEY_INVALID, and what `readOrCreate` throws.
 */
export function readSecretKey(stateDir: string, variables: Record<string, string | undefined>): Uint8Array {
  const given = variables.CICD_SECRET_KEY;
  if (given !== undefined && given !== "") return toKey(given, "CICD_SECRET_KEY");
  makeStateDir(stateDir);
  const path = join(stateDir, "secret.key");
  const text = readOrCreate(path, () => `${randomBytes(32).toString("hex")}\n`);
  if (statSync(path).uid === process.getuid?.() && isOpenToOthers(path)) {
    throw new CicdError("SECRET_KEY_INVALID", `${path} can be read by others`, {
      hint: `chmod 600 ${path}, and set the secrets anew if somebody else may have read it`,
    });
  }
  return toKey(text, path);
}

/** Never repeats the value. */
function toKey(text: string, origin: string): Uint8Array {
  if (FORM.test(text.trim())) return Buffer.from(text.trim(), "hex");
  throw new CicdError("SECRET_KEY_INVALID", `${origin} is not a key`, {
    hint: "a key is 64 hexadecimal digits: openssl rand -hex 32",
  });
}
