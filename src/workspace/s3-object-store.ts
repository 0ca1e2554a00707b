import { S3Client as S3, type S3Client } from "bun";
import type { ObjectStore, StoredObject } from "./object-store.ts";

/** A bucket of S3 or of a server that speaks its protocol; by Bun's own client. */
export class S3ObjectStore implements ObjectStore {
  readonly address: string;
  private readonly client: S3Client;

  /** `variables` hold the credentials, region and endpoint by their usual names, `S3_*` before `AWS_*`. */
  constructor(
    place: { bucket: string; prefix: string },
    variables: Readonly<Record<string, string | undefined>>,
  ) {
    const settings = settingsOf(variables);
    const endpoint = URL.parse(settings.endpoint ?? "")?.origin;
    this.address = `s3://${place.bucket}/${place.prefix}${endpoint === undefined ? "" : ` at ${endpoint}`}`;
    this.prefix = place.prefix === "" ? "" : `${place.prefix.replace(/\/+$/, "")}/`;
    this.client = new S3({ bucket: place.bucket, ...settings });
  }

  private readonly prefix: string;

  /** A single request, or one of many parts that the server puts together when the last has come. */
  async put(key: string, file: string): Promise<void> {
    await this.client.write(this.prefix + key, Bun.file(file), { type: "application/octet-stream" });
  }

  async get(key: string): Promise<ReadableStream<Uint8Array> | undefined> {
    const found = await this.stat(key);
    return found === undefined ? undefined : this.client.file(this.prefix + key).stream();
  }

  async stat(key: string): Promise<StoredObject | undefined> {
    try {
      const { size, lastModified } = await this.client.stat(this.prefix + key);
      return { key, sizeBytes: size, modifiedAt: lastModified.getTime() };
    } catch (error) {
      if (error instanceof Error && (error as NodeJS.ErrnoException).code === "NoSuchKey") return undefined;
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    await this.client.delete(this.prefix + key);
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    let startAfter: string | undefined;
    do {
      const page = await this.client.list({
        prefix: this.prefix + prefix,
        ...(startAfter === undefined ? {} : { startAfter }),
      });
      const contents = page.contents ?? [];
      for (const { key, size, lastModified } of contents)
        yield {
          key: key.slice(this.prefix.length),
          sizeBytes: size ?? 0,
          // Without a time it counts as new: it is not removed.
          modifiedAt: lastModified === undefined ? Date.now() : Date.parse(lastModified),
        };
      startAfter = page.isTruncated === true ? contents.at(-1)?.key : undefined;
    } while (startAfter !== undefined);
  }
}

const NAMES = {
  accessKeyId: ["S3_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"],
  secretAccessKey: ["S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"],
  sessionToken: ["S3_SESSION_TOKEN", "AWS_SESSION_TOKEN"],
  region: ["S3_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"],
  endpoint: ["S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"],
} as const;

function settingsOf(variables: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [setting, names] of Object.entries(NAMES)) {
    const value = names.map((name) => variables[name]).find((text) => text !== undefined && text !== "");
    if (value !== undefined) settings[setting] = value;
  }
  return settings;
}
