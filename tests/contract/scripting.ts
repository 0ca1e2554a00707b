import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CicdError } from "../../src/errors/cicd-error.ts";
import { CollectedFiles } from "../support/collected-files.ts";
import { labelledObjects } from "../support/docker.ts";
import { Bench, type ContractOptions, type MakeExecutor, readLog, readUntil } from "./executor.ts";

/** What the executors with a real shell do beyond the contract of all. Scripts keep to what busybox has. */
export function scriptingContract(name: string, make: MakeExecutor, options: ContractOptions): void {
  describe(`scripting contract: ${name}`, () => {
    const bench = new Bench(make);
    beforeAll(async () => bench.open(await options.image()));
    afterAll(() => bench.close());
    const never = () => new AbortController().signal;

    test.concurrent("the first hook, before_script and script share one shell; a failure inside a pipe counts", async () => {
      const first = { preGetSources: ["x=0"], beforeScript: ["x=$((x+1)); cd /tmp"] };
      const shared = await bench.run({ ...first, script: ['echo "$x $PWD"'] });
      expect(shared.log).toContain("\n1 /tmp\n");
      const piped = await bench.run({ script: ["false | true", "echo never"] });
      expect(piped.result).toMatchObject({ status: "failed", exitCode: 1 });
    });

    test.concurrent("a command is shown by its first line and passed on byte for byte", async () => {
      const script = [
        `printf '%s\\n' "it's" '\\t$HOME "q"' 'ü→🎉'\nprintf 'second\\n'`,
        "cat <<'EOF'\n$a `b` \\c\nEOF",
      ];
      const { log } = await bench.run({ script });
      expect(log).toBe(
        `$ printf '%s\\n' "it's" '\\t$HOME "q"' 'ü→🎉' # collapsed multi-line command\n` +
          `it's\n\\t$HOME "q"\nü→🎉\nsecond\n` +
          "$ cat <<'EOF' # collapsed multi-line command\n$a `b` \\c\n",
      );
    });

    test.concurrent("a script of 400 KB and one of 1.5 MB arrive whole", async () => {
      for (const size of [400_000, 1_500_000]) {
        const text = Array.from({ length: size / 20 }, (_, line) =>
          `line ü ${line} 🎉'"\\$x`.padEnd(18),
        ).join("\n");
        const hash = createHash("sha256").update(`${text}\n`).digest("hex");
        const { log } = await bench.run({ script: [`sha256sum <<'EOF'\n${text}\nEOF`] });
        expect(log).toContain(hash);
      }
    });

    test.concurrent("variables arrive byte for byte, newlines and quotes included", async () => {
      const value = `a\nb\r\n\t'"\\$(id)\`id\` ü🎉\n\n`;
      const environment = { VALUE: value, _LONG: "x".repeat(100_000) };
      const { log } = await bench.run(
        { script: ['printf %s "$VALUE" | base64; printf %s "$_LONG" | wc -c'] },
        { environment },
      );
      const printed = log.split("\n").slice(1, -2).join("");
      expect(Buffer.from(printed, "base64").toString()).toBe(value);
      expect(log).toContain("\n100000\n");
    });

    test.concurrent("a variable that no environment can carry is a config_error", async () => {
      for (const environment of [{ "A=B": "1" }, { A: "nul\0" }, { A: "x".repeat(140_000) }]) {
        const { result } = await bench.run(
          { script: ["true"] },
          { environment: environment as Record<string, string> },
        );
        expect(result).toMatchObject({ status: "failed", failureReason: "config_error" });
      }
    });

    test.concurrent("stdout and stderr keep their order, and bytes that are not text stay as they are", async () => {
      const { log } = await bench.run({
        script: ["for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done"],
      });
      expect(log).toEndWith("out1\nerr1\nout2\nerr2\nout3\nerr3\nout4\nerr4\nout5\nerr5\n");
      const spec = bench.spec({ script: ["printf '\\377\\376\\200a\\000b\\r\\n\\nz'"] });
      await using execution = await bench.executor.start(spec, never());
      const bytes = Buffer.concat(await Array.fromAsync(execution.logs));
      expect(bytes.toString("latin1")).toEndWith("\u00ff\u00fe\u0080a\0b\r\n\nz");
    });

    test.concurrent("20 jobs at once each get their own log, complete and exact", async () => {
      const runs = Array.from({ length: 20 }, async () => {
        const nonce = crypto.randomUUID();
        const script = ["i=0; while [ $i -lt 1000 ]; do echo $NONCE $i; i=$((i+1)); done"];
        const { log } = await bench.run({ script }, { environment: { NONCE: nonce } });
        const expected = Array.from({ length: 1000 }, (_, line) => `${nonce} ${line}\n`).join("");
        expect(log.slice(log.indexOf("\n") + 1)).toBe(expected);
      });
      await Promise.all(runs);
    });

    test.concurrent("a reader that leaves early neither blocks nor fails the job", async () => {
      const spec = bench.spec({
        script: ["head -c 20000000 /dev/zero | tr '\\0' x | fold -w 100", "exit 5"],
      });
      await using execution = await bench.executor.start(spec, never());
      for await (const bytes of execution.logs) if (bytes.length > 0) break;
      expect(await execution.result).toMatchObject({ status: "failed", exitCode: 5 });
    });

    test.concurrent("writes of a job reach neither its layers nor another job", async () => {
      const layer = bench.layer({ "sub/file": "as it was\n" });
      const script = ["echo changed > sub/file; rm -r sub; echo new > other; ls"];
      await Promise.all([1, 2].map(() => bench.run({ script }, { layers: [layer] })));
      expect(readFileSync(join(layer, "sub/file"), "utf8")).toBe("as it was\n");
      const { log } = await bench.run({ script: ["ls; ls sub"] }, { layers: [layer] });
      expect(log).toEndWith("\nsub\nfile\n");
    });

    test.concurrent("names and link targets in layers may be long and need not be UTF-8", async () => {
      const layer = bench.layer({ "ä ü/ö": "text\n" });
      const long = "l".repeat(150);
      const make = `cd "$1" && mkdir "$(printf 'd\\351')" $2 && cd "$(printf 'd\\351')" &&
        echo byte > "$(printf 'f\\377\\376')" && echo long > ../$2/$2 && echo x > ../$2/run && chmod +x ../$2/run &&
        ln -s "$(printf 'f\\377\\376')" "$(printf 'link\\374')" && ln -s ../$2/$2 link`;
      const made = Bun.spawnSync(["sh", "-c", make, "sh", layer, long]);
      expect(made.stderr.toString()).toBe("");
      const script = [
        "cat ?*/ö d*/link d*/link[!x]*",
        "(cd d*; printf '%s\\n' *) | od -An -c | tr -d ' \n'; echo; readlink d*/link?* | od -An -c | tr -d ' \n'; test -x l*/run",
      ];
      for (const layers of [[layer], [layer, layer]]) {
        const { log, result } = await bench.run({ script }, { layers });
        expect(log).toContain("\ntext\nlong\nbyte\n");
        expect(log).toContain("f377376\\nlink\\nlink374\\n\nf377376\\n");
        expect(result).toMatchObject({ status: "success" });
      }
    });

    test.concurrent("a layer that is gone is the machine's fault: start throws and leaves nothing", async () => {
      const spec = bench.spec(
        { script: ["true"] },
        { layers: [bench.layer({ a: "" }), join(bench.stateDir, "gone")] },
      );
      const failure = await bench.executor.start(spec, never()).catch((error) => error);
      expect(failure).toBeInstanceOf(CicdError);
      expect(await labelledObjects(bench.instance)).not.toContain(spec.name);
    });

    test.concurrent("getting the workspace ready takes of the job's time, and nothing is left when that is up", async () => {
      const files = Array.from({ length: 3_000 }, (_, index) => [`d${index % 300}/f${index}`, ""] as const);
      const spec = bench.spec(
        { script: ["echo never; sleep 60"] },
        { timeoutMs: 1, layers: [bench.layer(Object.fromEntries(files))] },
      );
      await using execution = await bench.executor.start(spec, never());
      expect(await readLog(execution)).toBe("");
      expect(await execution.result).toMatchObject({ exitCode: null, failureReason: "job_timeout" });
      expect(existsSync(join(bench.stateDir, "workspaces", spec.name))).toBe(false);
      expect(await labelledObjects(bench.instance)).not.toContain(spec.name);
    });

    test.concurrent("a process left in the background does not keep the job from ending, and ends with it", async () => {
      const spec = bench.spec({ script: ["sleep 60 & echo left"] });
      await using execution = await bench.executor.start(spec, never());
      expect(await readLog(execution)).toContain("left");
      expect(await execution.result).toMatchObject({ status: "success" });
    });

    test.concurrent("SIGTERM reaches the command in the foreground, which may clean up", async () => {
      const script = [
        "sh -c 'trap \"echo cleaned; exit 0\" TERM; echo up; while :; do sleep 0.05; done'",
        "echo never",
      ];
      const stop = new AbortController();
      await using execution = await bench.executor.start(bench.spec({ script }), stop.signal);
      let log = "";
      for await (const bytes of execution.logs) {
        log += Buffer.from(bytes).toString();
        if (log.includes("up\n")) stop.abort("cancel");
      }
      expect(log).toContain("cleaned\n");
      expect(log).not.toContain("echo never");
      expect(await execution.result).toMatchObject({ status: "canceled" });
    });

    describe("after_script", () => {
      const status = ["echo after: $CI_JOB_STATUS; cat made || true"];

      test.concurrent("runs in a new shell in the same workspace, after success and failure", async () => {
        const good = await bench.run({
          script: ["x=1; echo file > made"],
          afterScript: [...status, "echo x=$x"],
        });
        expect(good.log).toContain("\nafter: success\nfile\n$ echo x=$x\nx=\n");
        const bad = await bench.run({ script: ["echo file > made; exit 9"], afterScript: status });
        expect(bad.log).toContain("\nafter: failed\nfile\n");
        expect(bad.result).toMatchObject({ status: "failed", exitCode: 9 });
      });

      test.concurrent("never changes the result", async () => {
        const { result } = await bench.run({ script: ["true"], afterScript: ["exit 4"] });
        expect(result).toMatchObject({ status: "success", exitCode: 0 });
        expect(result.message).toContain("after_script ended with exit code 4");
      });

      test.concurrent("runs after a cancel but not after a time-out", async () => {
        const stop = new AbortController();
        const spec = bench.spec({ script: ["echo up; sleep 60"], afterScript: status });
        await using execution = await bench.executor.start(spec, stop.signal);
        let log = "";
        for await (const bytes of execution.logs) {
          log += Buffer.from(bytes).toString();
          if (log.includes("\nup\n")) stop.abort("cancel");
        }
        expect(log).toContain("after: canceled");
        expect(await execution.result).toMatchObject({ status: "canceled" });
        const late = await bench.run(
          { script: ["sleep 60"], afterScript: status },
          { timeoutMs: 200, graceMs: 200 },
        );
        expect(late.log).not.toContain("after:");
      });

      test.concurrent("has no longer than the grace after a cancel, and ends at once by kill()", async () => {
        const jobs = [500, 120_000].map(async (graceMs) => {
          const stop = new AbortController();
          const job = {
            script: ["echo up; sleep 60"],
            afterScript: ["trap '' TERM; echo cleaning; sleep 600"],
          };
          await using execution = await bench.executor.start(bench.spec(job, { graceMs }), stop.signal);
          let log = "";
          for await (const bytes of execution.logs) {
            log += Buffer.from(bytes).toString();
            if (log.includes("\nup\n")) stop.abort("cancel");
            if (graceMs > 500 && log.includes("\ncleaning\n")) execution.kill();
          }
          return await execution.result;
        });
        const [short, killed] = await Promise.all(jobs);
        expect(short).toMatchObject({ status: "canceled", exitCode: null });
        expect(short!.message).toBe("after_script ran longer than 500 ms and was stopped.");
        expect(killed).toEqual({
          status: "canceled",
          exitCode: null,
          failureReason: "canceled",
          message: null,
        });
      });

      test.concurrent("can be adopted while it runs, with the main script's result", async () => {
        const spec = bench.spec({ script: ["exit 6"], afterScript: ["echo begin; sleep 1; echo end"] });
        const stop = new AbortController();
        const first = await bench.executor.start(spec, stop.signal);
        await readUntil(first, "begin\n");
        stop.abort("detach");
        await first.result;
        await using successor = await bench.reopen();
        await using second = await successor.start(spec, never());
        expect(await readLog(second)).toBe("$ exit 6\n$ echo begin; sleep 1; echo end\nbegin\nend\n");
        expect(await second.result).toMatchObject({ status: "failed", exitCode: 6 });
      });
    });

    describe("collecting", () => {
      async function collect(script: string[], selection: { paths: string[]; exclude: string[] }) {
        const spec = bench.spec({ script });
        await using execution = await bench.executor.start(spec, never());
        await readLog(execution);
        expect(await execution.result).toMatchObject({ status: "success" });
        const sink = new CollectedFiles();
        return { ...(await execution.collect(selection, sink, never())), sink };
      }

      test.concurrent("patterns name files, directories and what is below them; excludes take away", async () => {
        const { sink, unmatched } = await collect(
          [
            "mkdir -p dist/a/b .hid src; for f in dist/x dist/a/y dist/a/b/z.tmp .hid/h src/s.c src/s.h top.c; do echo $f > $f; done",
          ],
          { paths: ["dist/", "src/*.c", "**/*.c", ".hid", "no/such/*", "t[!a]p.?"], exclude: ["**/*.tmp"] },
        );
        expect(sink.taken.toSorted()).toEqual([".hid/h", "dist/a/y", "dist/x", "src/s.c", "top.c"]);
        expect(sink.files["dist/a/y"]).toBe("dist/a/y\n");
        expect(unmatched).toEqual(["no/such/*"]);
      });

      test.concurrent("of many megabytes ends soon after it is aborted, and rejects", async () => {
        const spec = bench.spec({
          script: ["for i in 1 2 3 4; do head -c 100000000 /dev/zero > big$i; done"],
        });
        await using execution = await bench.executor.start(spec, never());
        await readLog(execution);
        const stop = new AbortController();
        const sink = new CollectedFiles({ onBytes: () => stop.abort("cancel") });
        const selection = { paths: ["big*"], exclude: [] };
        const collected = execution.collect(selection, sink, stop.signal).catch((error) => error);
        expect(await collected).toBe("cancel");
        expect(sink.taken.length).toBeLessThan(3);
        const before = execution.collect(selection, new CollectedFiles(), AbortSignal.abort("kill"));
        expect(await before.catch((error) => error)).toBe("kill");
      });

      test.concurrent("a file that two patterns name is taken once", async () => {
        const { sink } = await collect(["mkdir -p a/b; echo x > a/b/c"], {
          paths: ["a/b/c", "a/", "a/b", "a/**"],
          exclude: [],
        });
        expect(sink.taken).toEqual(["a/b/c"]);
      });

      test.concurrent("links are taken as links and never followed; paths cannot leave the workspace", async () => {
        const { sink, unmatched } = await collect(
          ["ln -s /etc out; mkdir real; ln -s /etc/passwd real/link; ln -s .. real/up"],
          {
            paths: ["out/passwd", "out/*", "real/", "../etc/passwd", "/etc/passwd", "real/up/real/link"],
            exclude: [],
          },
        );
        expect(sink.files).toEqual({ "real/link": "-> /etc/passwd", "real/up": "-> .." });
        expect(unmatched).toEqual([
          "out/passwd",
          "out/*",
          "../etc/passwd",
          "/etc/passwd",
          "real/up/real/link",
        ]);
      });

      test.concurrent("what was there before and what the project's directory names absolutely is taken too", async () => {
        const spec = bench.spec(
          { script: ["echo new > lib/new"] },
          { layers: [bench.layer({ "lib/old": "old\n" })] },
        );
        await using execution = await bench.executor.start(spec, never());
        await readLog(execution);
        await execution.result;
        const sink = new CollectedFiles();
        await execution.collect(
          { paths: [`${bench.executor.projectDir(spec.name)}/lib`], exclude: [] },
          sink,
          never(),
        );
        expect(sink.files).toEqual({ "lib/new": "new\n", "lib/old": "old\n" });
      });
    });
  });
}
