import { statSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
const BINARY = join(ROOT, "dist", "cicd");

let built: Promise<string> | undefined;

/** The path of the compiled executable, built first (once per test process) where a source is newer. */
export function binary(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  if (newestSource() > modifiedAt(BINARY)) {
    const child = Bun.spawn([join(ROOT, "scripts", "build")], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const words = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    if ((await child.exited) !== 0) throw new Error(`scripts/build failed:\n${words.join("")}`);
  }
  return BINARY;
}

function newestSource(): number {
  const tools = ["package.json", "bun.lock", "scripts/build", "scripts/bundle.ts"];
  const sources = [...new Bun.Glob("src/**/*").scanSync(ROOT), ...tools];
  return Math.max(...sources.map((path) => modifiedAt(join(ROOT, path))));
}

function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
