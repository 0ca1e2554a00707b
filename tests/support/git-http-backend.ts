/** What git's own server side answers for the repositories below `root`: git-http-backend(1) as a CGI program. */
export async function runGitHttpBackend(
  root: string,
  request: Request,
  { path, query }: { path: string; query: string },
): Promise<Response> {
  const backend = Bun.spawn(["git", "-c", "safe.directory=*", "http-backend"], {
    stdin: new Uint8Array(await request.arrayBuffer()),
    env: {
      PATH: process.env.PATH ?? "",
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      REQUEST_METHOD: request.method,
      PATH_INFO: path,
      QUERY_STRING: query,
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
