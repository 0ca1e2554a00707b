import { join } from "node:path";
import { $ } from "bun";

const SCRIPTS = join(import.meta.dir, "../../scripts");

/** Makes images of `scripts/test-images` that are not there yet. */
export async function scriptsTestImages(...names: ("busybox" | "debian" | "ci")[]): Promise<void> {
  const { exitCode, stderr } = await $`${SCRIPTS}/test-images ${names}`.quiet().nothrow();
  if (exitCode !== 0) throw new Error(`scripts/test-images failed:\n${stderr}`);
}
