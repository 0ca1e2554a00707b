import { runGitHttpBackend } from "./git-http-backend.ts";

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
    return await runGitHttpBackend(this.root, request, { path: pathname, query: search.slice(1) });
  }
}
