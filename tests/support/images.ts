import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { $ } from "bun";

/**
 * Images for tests, made on the spot from Debian's `busybox-static`: no registry is assumed. They are tagged
 * `cicd-test/<name>:1`, made when they are not there, and stay.
 */
const RECIPES = {
  /** The same for user 1000, who owns nothing. */
  user: { fill: fillBusybox, changes: ["USER 1000:1000"] },
  /** busybox and the host's bash. */
  bash: { fill: fillBash, changes: [] },
  /** Like a database: it answers on port 7000 once it has started, says who it is, and keeps a volume. */
  database: {
    fill: fillBusybox,
    changes: [
      "EXPOSE 7000",
      "VOLUME /data",
      'ENTRYPOINT ["sh", "-c"]',
      `CMD ["echo starting; sleep 0.3; exec nc -ll -p \${PORT:-7000} -e sh -c 'read asked; echo \\"$NAME heard $asked\\"'"]`,
    ],
  },
  /** With a health check that asks seldom. */
  checked: { fill: fillBusybox, changes: ["HEALTHCHECK --interval=1h CMD test -e /tmp/ready"] },
  /** A static web server on port 7000, and nothing else. */
  "static-httpd": {
    fill: (root) => fillStatic(root, "httpd"),
    changes: ["EXPOSE 7000", 'CMD ["/httpd", "-f", "-p", "7000"]'],
  },
  /** One static program, `/app`, and no shell. */
  "no-shell": { fill: (root) => fillStatic(root), changes: [] },
} satisfies Record<string, Recipe>;

interface Recipe {
  fill: (root: string) => Promise<void>;
  changes: string[];
}

/** `busybox`: busybox with every applet, as root. */
export type TestImage = "busybox" | keyof typeof RECIPES;

const made = new Map<TestImage, Promise<string>>();

/** Returns the image's tag once it is there. */
export function testImage(name: TestImage): Promise<string> {
  const tag = `cicd-test/${name}:1`;
  const making = made.get(name) ?? makeNamed(name, tag).then(() => tag);
  made.set(name, making);
  return making;
}

async function makeNamed(name: TestImage, tag: string): Promise<void> {
  if (name === "busybox") await $`${join(import.meta.dir, "../../scripts/test-images")} busybox`.quiet();
  else await makeImage(tag, RECIPES[name]);
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

/** What `scripts/test-images` makes: the one recipe of the busybox image. */
async function fillBusybox(root: string): Promise<void> {
  const container = (await $`docker create ${await testImage("busybox")} true`.text()).trim();
  try {
    await $`docker export ${container} | tar -C ${root} -xf -`.quiet();
  } finally {
    await $`docker rm ${container}`.quiet();
  }
}

async function fillBash(root: string): Promise<void> {
  await fillBusybox(root);
  const libraries = (await $`ldd /bin/bash`.text()).match(/\/\S+/g) ?? [];
  for (const file of ["/bin/bash", ...libraries]) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    copyFileSync(file, join(root, file));
  }
}

async function fillStatic(root: string, program = "app"): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), "cicd-image-"));
  try {
    await fillBusybox(base);
    copyFileSync(join(base, "bin/busybox"), join(root, program));
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}
