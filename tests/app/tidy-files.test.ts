import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { QueueEvent } from "../../src/app/queue-event.ts";
import { tidyFiles } from "../../src/app/tidy-files.ts";
import { composeApp } from "../../src/compose-app.ts";
import { loadConfig } from "../../src/config/load-config.ts";

const DAY_MS = 24 * 3_600_000;

test("a server removes clones that nobody used for days, and keeps those of today", async () => {
  const state = mkdtempSync(join(tmpdir(), "cicd-tidy-"));
  const variables = { PATH: process.env.PATH, CICD_STATE_DIR: state };
  const isTty = { stdout: false, stderr: false };
  const host = {
    homeDir: state,
    userName: "test",
    hostName: "test",
    cpus: 2,
    isTty,
    readFile: () => undefined,
  };
  await using app = composeApp(
    loadConfig({ ...host, variables }, {}, () => ({})),
    variables,
    "serve",
  );
  const clone = (name: string, ageMs: number) => {
    const path = join(state, "repos", name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "HEAD"), "ref: refs/heads/main\n");
    const at = new Date(Date.now() - ageMs);
    utimesSync(path, at, at);
    return path;
  };
  const old = clone("a".repeat(24), 3 * DAY_MS);
  const recent = clone("b".repeat(24), 0);
  const told: QueueEvent[] = [];
  const ending = new AbortController();
  const observe = (event: QueueEvent) => {
    told.push(event);
    ending.abort();
  };
  await tidyFiles(app, { firstMs: 0, everyMs: 50 }, observe, ending.signal);
  expect(told.map(({ type }) => type)).toEqual(["tidied"]);
  expect([existsSync(old), existsSync(recent)]).toEqual([false, true]);
  rmSync(state, { recursive: true });
}, 20_000);
