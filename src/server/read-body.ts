import { CicdError } from "../errors/cicd-error.ts";
import type { ByteShare } from "./byte-budget.ts";
import { RequestRefused } from "./problems.ts";

/** How long a body that is read whole may take, and how long a streamed one may stand still. */
export interface BodyTimes {
  wholeMs: number;
  stallMs: number;
}

/** Throws TOO_LARGE where the announced length is over the limit already: nothing has been read then. */
export function checkLength(request: Request, maxBytes: number): void {
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) > maxBytes) throw tooLarge(maxBytes);
}

/**
 * The body as it came; what is held of it is taken from `share`. Throws TOO_LARGE, SERVER_BUSY, and USAGE (408) where it comes
 * too slowly or breaks off.
 */
export async function readWhole(
  request: Request,
  maxBytes: number,
  times: BodyTimes,
  share: ByteShare,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await passWhole(request, maxBytes, times, (piece) => {
    share.take(piece.byteLength);
    pieces.push(piece);
  });
  return Buffer.concat(pieces);
}

/** The same, of which each piece is shown and nothing is held. */
export async function passWhole(
  request: Request,
  maxBytes: number,
  times: BodyTimes,
  show: (piece: Uint8Array) => void,
): Promise<void> {
  checkLength(request, maxBytes);
  if (request.body === null) return;
  const reader = request.body.getReader();
  let size = 0;
  const deadline = performance.now() + times.wholeMs;
  try {
    for (;;) {
      const piece = await readPiece(reader, deadline - performance.now());
      if (piece === undefined) return;
      size += piece.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      show(piece);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    throw error;
  }
}

/** The body piece by piece; it errors with TOO_LARGE, and with USAGE (408) where nothing comes for too long. */
export function readStreamed(
  request: Request,
  maxBytes: number,
  times: BodyTimes,
): ReadableStream<Uint8Array> {
  checkLength(request, maxBytes);
  const reader = request.body?.getReader();
  let size = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece = reader === undefined ? undefined : await readPiece(reader, times.stallMs);
      if (piece === undefined) {
        controller.close();
        return;
      }
      size += piece.byteLength;
      if (size > maxBytes) {
        await reader?.cancel().catch(() => {});
        throw tooLarge(maxBytes);
      }
      controller.enqueue(piece);
    },
    async cancel() {
      await reader?.cancel().catch(() => {});
    },
  });
}

type BodyReader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;

async function readPiece(reader: BodyReader, waitMs: number): Promise<Uint8Array | undefined> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(tooSlow()), Math.max(0, waitMs));
  try {
    const { done, value } = await Promise.race([reader.read().catch(brokenOff), late.promise]);
    return done ? undefined : value;
  } finally {
    clearTimeout(timer);
  }
}

function brokenOff(): never {
  throw new RequestRefused(400, "USAGE", "the body of the request broke off");
}

function tooSlow(): RequestRefused {
  return new RequestRefused(408, "USAGE", "the body of the request came too slowly");
}

function tooLarge(maxBytes: number): CicdError {
  return new CicdError("TOO_LARGE", `the body of the request is over ${maxBytes} bytes`);
}
