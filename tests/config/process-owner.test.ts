import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ignoresHangup } from "../../src/config/ignored-signals.ts";
import { isOwnerAlive, parseProcessStart, readOwner } from "../../src/config/process-owner.ts";
import { eventually } from "../support/eventually.ts";

const stateDir = mkdtempSync(join(tmpdir(), "cicd-owner-"));
process.on("exit", () => rmSync(stateDir, { recursive: true, force: true }));

describe("the owner of a run", () => {
  test("is alive while its process is", () => {
    const self = readOwner(stateDir);
    expect(self.pid).toBe(process.pid);
    expect(isOwnerAlive(self, self)).toBe(true);
  });

  test("is gone when its process has ended, and already while it is a zombie", async () => {
    const self = readOwner(stateDir);
    const other = Bun.spawn(["sleep", "60"]);
    const stat = await Bun.file(`/proc/${other.pid}/stat`).text();
    const owner = { ...self, pid: other.pid, processStart: parseProcessStart(stat)! };
    expect(isOwnerAlive(owner, self)).toBe(true);
    other.kill("SIGKILL");
    expect(await eventually(() => !isOwnerAlive(owner, self))).toBe(true);
    await other.exited;
  });

  test("is gone when its process id belongs to another process now", () => {
    const self = readOwner(stateDir);
    expect(isOwnerAlive({ ...self, processStart: "1" }, self)).toBe(false);
  });

  test("is gone after a reboot", () => {
    const self = readOwner(stateDir);
    expect(isOwnerAlive({ ...self, bootId: "earlier" }, self)).toBe(false);
  });

  test("counts as alive on another machine, where nothing is known of it", () => {
    const self = readOwner(stateDir);
    expect(isOwnerAlive({ ...self, machineId: "other", bootId: "other" }, self)).toBe(true);
  });

  test("does not tell the machine's id, which is to be kept private", async () => {
    const id = (
      await Bun.file("/etc/machine-id")
        .text()
        .catch(() => "none")
    ).trim();
    expect(readOwner(stateDir).machineId).not.toContain(id);
  });
});

test("the start time is found behind a process name with parentheses and blanks", () => {
  const fields = Array.from({ length: 30 }, (_, index) => String(index + 4));
  expect(parseProcessStart(`7 (a) b (c d) S ${fields.join(" ")}`)).toBe("22");
});

test("a process started with nohup ignores the hangup of its terminal", () => {
  expect(ignoresHangup("Name:\tcicd\nSigIgn:\t0000000001001001\n")).toBe(true);
  expect(ignoresHangup("Name:\tcicd\nSigIgn:\t0000000001001000\n")).toBe(false);
  expect(ignoresHangup("")).toBe(false);
});
