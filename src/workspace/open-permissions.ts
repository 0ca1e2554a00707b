import { chmodSync, mkdirSync } from "node:fs";

/**
 * Permissions of what containers see: any user of any image may read and write its copy, as with the umask 000 of
 * GitLab's helper. The state directory above keeps everyone else out.
 */
export const OPEN_DIRECTORY = 0o777;
export const OPEN_FILE = 0o666;
export const OPEN_EXECUTABLE = 0o777;

/** Makes a directory with open permissions whatever the umask; its parent must exist. Throws what the file system throws. */
export function makeOpenDirectory(path: string | Buffer): void {
  mkdirSync(path, { mode: OPEN_DIRECTORY });
  chmodSync(path, OPEN_DIRECTORY);
}
