import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "bun";

/**
 * The upstream source of a Debian package, unpacked into `directory` without Debian's own changes. Asks the archives
 * that this machine installs its packages from; the machine's own package lists stay as they are.
 */
export async function unpackDebianSource(name: string, directory: string, scratch: string): Promise<void> {
  const apt = join(scratch, "apt");
  await mkdir(join(apt, "lists/partial"), { recursive: true });
  await mkdir(join(apt, "archives/partial"), { recursive: true });
  await writeFile(join(apt, "sources.list"), await sourceArchives());
  const options = [
    `Dir::Etc::SourceList=${apt}/sources.list`,
    "Dir::Etc::SourceParts=/dev/null",
    `Dir::State::Lists=${apt}/lists`,
    `Dir::Cache=${apt}`,
    "APT::Sandbox::User=root",
    "Acquire::Retries=3",
  ].flatMap((option) => ["-o", option]);
  await $`apt-get ${options} -qq update`.quiet();
  await $`apt-get ${options} -qq source --download-only ${name}`.cwd(apt).quiet();
  await mkdir(directory, { recursive: true });
  await $`sh -c ${'tar -xf ./*.orig.tar.* --strip-components=1 -C "$1"'} sh ${directory}`.cwd(apt).quiet();
}

/** A published npm package, unpacked into `directory`. */
export async function unpackNpmPackage(spec: string, directory: string, scratch: string): Promise<void> {
  const target = join(scratch, "npm");
  await mkdir(target, { recursive: true });
  await mkdir(directory, { recursive: true });
  await $`npm pack --silent ${spec}`.cwd(target).quiet();
  await $`sh -c ${'tar -xf ./*.tgz --strip-components=1 -C "$1"'} sh ${directory}`.cwd(target).quiet();
}

/** Lines of a sources.list for the source packages of this Debian's main archive. */
async function sourceArchives(): Promise<string> {
  const suite = (await $`sh -c '. /etc/os-release && echo "$VERSION_CODENAME"'`.text()).trim();
  const format = "$(CODENAME) $(COMPONENT) $(REPO_URI)";
  const targets = await $`apt-get indextargets --format ${format} ${"Created-By: Packages"}`.text();
  const lines = targets.split("\n").map((line) => line.split(" "));
  const archives = lines.filter(([codename, component]) => codename === suite && component === "main");
  if (archives.length === 0) throw new Error("this machine has no Debian archive configured");
  return archives.map(([, , uri]) => `deb-src ${uri} ${suite} main\n`).join("");
}
