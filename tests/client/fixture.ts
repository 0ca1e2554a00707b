import { ApiClient, type Tell, TIMES, type Times } from "../../src/client/api-client.ts";
import { ServerService } from "../../src/client/server-service.ts";
import { AppFixture } from "../app/fixture.ts";

export const TOKEN = "cicd_a-token-that-nobody-else-may-see";
export const NEVER = new AbortController().signal;

/** What the client of a test has told the user, in order. */
export class Told implements Tell {
  readonly lines: string[] = [];
  note = (text: string) => void this.lines.push(`note: ${text}`);
  detail = (text: string) => void this.lines.push(`detail: ${text}`);
  warn = (text: string) => void this.lines.push(`warn: ${text}`);
}

/** The service of whatever answers at `url`, with times that suit a test. */
export function connect(url: string, times: Partial<Times> = {}): { service: ServerService; told: Told } {
  const told = new Told();
  const quick = { ...TIMES, giveUpMs: 1_500, firstMs: 10, mostMs: 100, ...times };
  const client = new ApiClient({ url, token: TOKEN }, told, quick);
  const noScratch = () => Promise.reject(new Error("nothing is fetched here"));
  return { service: new ServerService(client, new AppFixture().app, noScratch), told };
}

/** An HTTP server of this process that answers as the test says. */
export function answering(
  answer: (request: Request) => Response | Promise<Response>,
  options: { port?: number } = {},
): Disposable & { url: string; port: number; requests: Request[] } {
  const requests: Request[] = [];
  const server = Bun.serve({
    hostname: "0.0.0.0",
    port: options.port ?? 0,
    fetch: (request) => {
      requests.push(request);
      return answer(request);
    },
  });
  const port = server.port!;
  return { url: `http://127.0.0.1:${port}`, port, requests, [Symbol.dispose]: () => void server.stop(true) };
}

export async function refused(
  promise: Promise<unknown>,
): Promise<{ code: string; message: string; hint: string; cause: unknown }> {
  return promise.then(
    () => {
      throw new Error("it was answered");
    },
    (error) => error,
  );
}
