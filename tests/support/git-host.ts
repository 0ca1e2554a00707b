/**
 * The repositories below `root` over http, by git's own server side (git-http-backend(1) as a CGI program). `pause` holds every
 * answer back until `resume`.
 */
export class GitHost implements AsyncDisposable {
  readonly url: string;
  readonly #server: Bun.Server<undefined>;
  #held: PromiseWithResolvers<void> | undefined;
  /** How many requests came. */
  asked = 0;

  constructor(private readonly root: string) {
    this.#server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => this.#answer(request) });
    this.url = `http://127.0.0.1:${this.#server.port}`;
  }

  pause(): void {
    this.#held ??= Promise.withResolvers<void>();
  }

  resume(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resume();
    await this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    this.asked += 1;
    await this.#held?.promise;
    const { pathname, search } = new URL(request.url);
    const backend = Bun.spawn(["git", "-c", "safe.directory=*", "http-backend"], {
      stdin: new Uint8Array(await request.arrayBuffer()),
      env: {
        PATH: process.env.PATH ?? "",
        GIT_PROJECT_ROOT: this.root,
        GIT_HTTP_EXPORT_ALL: "1",
        REQUEST_METHOD: request.method,
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        CONTENT_TYPE: request.headers.get("content-type") ?? "",
        HTTP_CONTENT_ENCODING: request.headers.get("content-encoding") ?? "",
        GIT_PROTOCOL: request.headers.get("git-protocol") ?? "",
      },
    });
    const answer = Buffer.from(await new Response(backend.stdout).arrayBuffer());
    const end = answer.indexOf("\r\n\r\n");
    const headers = answer
      .toString("latin1", 0, end)
      .split("\r\n")
      .map((line) => line.split(": ", 2) as [string, string]);
    const status = Number(headers.find(([name]) => name === "Status")?.[1].slice(0, 3) ?? 200);
    return new Response(answer.subarray(end + 4), {
      status,
      headers: headers.filter(([name]) => name !== "Status"),
    });
  }
}
