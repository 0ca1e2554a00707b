import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import { CicdError } from "../errors/cicd-error.ts";

/**
 * A text that only the holder of the key can read or change (AES-256-GCM): `1.KEY.NONCE.DATA`, the last two in base64url. `KEY` tells
 * keys apart and says nothing about them. `context` is bound to it: under another one it does not open.
 */
export function seal(text: string, key: Uint8Array, context: string, nonce: Uint8Array): string {
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context));
  const data = Buffer.concat([cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return ["1", keyId(key), Buffer.from(nonce).toString("base64url"), data.toString("base64url")].join(".");
}

export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Throws SECRET_KEY_INVALID where it was sealed with another key, or was changed. */
export function unseal(sealed: string, key: Uint8Array, context: string): string {
  const [version, id, nonce, text] = sealed.split(".");
  if (version !== "1" || nonce === undefined || text === undefined) throw damaged();
  if (id !== keyId(key)) {
    throw new CicdError("SECRET_KEY_INVALID", "it was sealed with another key", {
      hint: "give the server and all its workers the same CICD_SECRET_KEY, or set it again with: cicd secret set",
    });
  }
  const data = Buffer.from(text, "base64url");
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64url"))
      .setAAD(Buffer.from(context))
      .setAuthTag(data.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(data.subarray(0, -TAG_BYTES)), decipher.final()]).toString("utf8");
  } catch {
    throw damaged();
  }
}

function keyId(key: Uint8Array): string {
  return createHash("sha256").update("cicd secret key\0").update(key).digest("hex").slice(0, 12);
}

function damaged(): CicdError {
  return new CicdError("SECRET_KEY_INVALID", "what the database holds of it is damaged", {
    hint: "set it again with: cicd secret set",
  });
}
