import type { Socket } from "node:net";
import type { Engine } from "./connection.ts";

/**
 * What a container prints from now on, straight from the engine's pipe: byte-exact and several times faster than
 * following its log file. Closing it leaves the container alone. While it is not read, the container's writes block.
 */
export interface Attachment extends AsyncIterable<Uint8Array> {
  /** To the container's input, where that was asked for. */
  write(text: string): void;
  close(): void;
}

/**
 * Attaches to a container that has not started yet. The HTTP upgrade is spoken here because a hijacked connection of
 * node:http never ends on Bun. Undefined where the engine cannot be dialled; then the log file is followed instead.
 */
export async function attach(
  engine: Engine,
  containerId: string,
  { stdin } = { stdin: false },
): Promise<Attachment | undefined> {
  if (engine.dial === null) return undefined;
  const socket = await engine.dial();
  socket.write(
    `POST /containers/${containerId}/attach?stream=1&stdout=1&stderr=1${stdin ? "&stdin=1" : ""} HTTP/1.1\r\n` +
      "Host: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n",
  );
  const chunks = socket[Symbol.asyncIterator]();
  const rest = await readResponseHead(socket, chunks);
  return {
    write: (text) => void socket.write(text),
    close: () => void socket.destroy(),
    async *[Symbol.asyncIterator]() {
      try {
        if (rest.length > 0) yield rest;
        for (;;) {
          const next = await chunks.next();
          if (next.done) return;
          yield next.value as Uint8Array;
        }
      } finally {
        socket.destroy();
      }
    },
  };
}

/** Reads up to the empty line; returns what came after it. */
async function readResponseHead(socket: Socket, chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head = Buffer.alloc(0);
  for (;;) {
    const next = await chunks.next();
    if (next.done) throw new Error("the engine closed the connection while attaching");
    head = Buffer.concat([head, next.value]);
    const end = head.indexOf("\r\n\r\n");
    if (end === -1) continue;
    const status = head.subarray(0, head.indexOf("\r\n")).toString();
    if (/^HTTP\/1\.1 (101|200) /.test(status)) return head.subarray(end + 4);
    socket.destroy();
    throw new Error(`the engine refused to attach: ${status}`);
  }
}
