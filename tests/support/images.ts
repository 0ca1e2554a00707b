import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { $ } from "bun";

/**
 * Images for tests, made on the spot from Debian's `busybox-static`: no registry is assumed. They are tagged
 * `cicd-test/<name>:1`, made when they are not there, and stay.
 */
const RECIPES = {
  /** busybox with every applet, as root. */
  busybox: { fill: fillBusybox, changes: [] },
  /** The same for user 1000, who owns nothing. */
  user: { fill: fillBusybox, changes: ["USER 1000:1000"] },
  /** busybox and the host's bash. */
  bash: { fill: fillBash, changes: [] },
  /** One static program, `/app`, and no shell. */
  "no-shell": { fill: fillStatic, changes: [] },
} satisfies Record<string, Recipe>;

interface Recipe {
  fill: (root: string) => Promise<void>;
  changes: string[];
}

export type TestImage = keyof typeof RECIPES;

const made = new Map<TestImage, Promise<string>>();

/** Returns the image's tag once it is there. */
export function testImage(name: TestImage): Promise<string> {
  const tag = `cicd-test/${name}:1`;
  const making = made.get(name) ?? makeImage(tag, RECIPES[name]).then(() => tag);
  made.set(name, making);
  return making;
}

async function makeImage(tag: string, { fill, changes }: Recipe): Promise<void> {
  if ((await $`docker image inspect ${tag}`.quiet().nothrow()).exitCode === 0) return;
  const root = mkdtempSync(join(tmpdir(), "cicd-image-"));
  try {
    await fill(root);
    const flags = [...changes, "ENV PATH=/bin:/usr/bin"].flatMap((change) => ["--change", change]);
    await $`tar -C ${root} --owner=0 --group=0 -cf - . | docker import ${flags} - ${tag}`.quiet();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function fillBusybox(root: string): Promise<void> {
  const busybox = await findBusybox();
  for (const directory of ["bin", "etc", "proc", "sys", "dev"]) mkdirSync(join(root, directory));
  mkdirSync(join(root, "tmp"));
  chmodSync(join(root, "tmp"), 0o1777);
  copyFileSync(busybox, join(root, "bin/busybox"));
  const applets = (await $`${busybox} --list`.text()).trim().split("\n");
  for (const applet of applets.filter((name) => name !== "busybox"))
    symlinkSync("busybox", join(root, "bin", applet));
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n");
  writeFileSync(join(root, "etc/secret"), "outside of the workspace\n");
}

async function fillBash(root: string): Promise<void> {
  await fillBusybox(root);
  const libraries = (await $`ldd /bin/bash`.text()).match(/\/\S+/g) ?? [];
  for (const file of ["/bin/bash", ...libraries]) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    copyFileSync(file, join(root, file));
  }
}

async function fillStatic(root: string): Promise<void> {
  copyFileSync(await findBusybox(), join(root, "app"));
}

async function findBusybox(): Promise<string> {
  const path = "/bin/busybox";
  if (!existsSync(path)) await $`apt-get install -y --no-install-recommends busybox-static`.quiet();
  return path;
}
