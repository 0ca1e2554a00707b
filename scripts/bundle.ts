import type { BunPlugin } from "bun";

/**
 * Makes one executable: `bun scripts/bundle.ts OUTFILE TARGET EXECUTABLE`, where EXECUTABLE is Bun for TARGET, such as
 * linux-x64. The program is one file: it reads no .env and no bunfig.toml of the directory it is started in, for that
 * directory is somebody's repository.
 */
async function bundle(outfile: string, target: string, executablePath: string): Promise<void> {
  await Bun.build({
    entrypoints: ["src/main.ts"],
    target: "bun",
    // Each `import()` is read when it is reached: in one piece the whole program would be, also for `--version`.
    format: "esm",
    splitting: true,
    bytecode: true,
    minify: true,
    sourcemap: "none",
    plugins: [leanDockerode],
    compile: {
      target: `bun-${target}` as Bun.Build.CompileTarget,
      outfile,
      executablePath,
      autoloadDotenv: false,
      autoloadBunfig: false,
    },
  });
}

/**
 * What dockerode loads whenever it is loaded, though nearly no run needs it: three times its own time and memory. The ssh client
 * is loaded once an engine is reached by ssh; sessions with BuildKit and build contexts, which only building an image takes,
 * and printing of requests are left out; streams are the runtime's own.
 */
const leanDockerode: BunPlugin = {
  name: "lean dockerode",
  setup(build) {
    for (const { file, change, never } of CHANGES) {
      build.onLoad({ filter: file }, async ({ path }) => {
        const source = await Bun.file(path).text();
        const contents = change.reduce((text, [from, to]) => replaceOnce(text, from, to, path), source);
        if (contents.includes(never)) throw new Error(`${path} is not as expected`);
        return { contents, loader: "js" };
      });
    }
    build.onLoad({ filter: /[/\\]dockerode[/\\]lib[/\\](session|buildkit)\.js$/ }, () => ({
      contents: 'module.exports = () => { throw new Error("BuildKit is no part of this program"); };',
      loader: "js",
    }));
  },
};

/** In each `file` every `change` is made at its one place; afterwards it holds `never` no more. */
const CHANGES: { file: RegExp; change: [from: string, to: string][]; never: string }[] = [
  {
    file: /[/\\]docker-modem[/\\]lib[/\\]ssh\.js$/,
    change: [
      ["var Client = require('ssh2').Client,\n  http = require('http');", "var http = require('http');"],
      ["new Client()", "new (require('ssh2').Client)()"],
    ],
    never: " Client = ",
  },
  {
    file: /[/\\]docker-modem[/\\]lib[/\\]modem\.js$/,
    change: [
      ["require('debug')('modem')", "() => {}"],
      // Each request would be made readable first.
      ["util.inspect(options, {", "void ({"],
    ],
    never: "util.inspect",
  },
  {
    file: /[/\\]docker-modem[/\\]lib[/\\]http_duplex\.js$/,
    change: [["require('readable-stream')", "require('stream')"]],
    never: "readable-stream",
  },
  {
    file: /[/\\]dockerode[/\\]lib[/\\]util\.js$/,
    change: [
      ["var DockerIgnore = require('@balena/dockerignore');", ""],
      ["var tar = require('tar-fs');", ""],
      ["var zlib = require('zlib');", ""],
    ],
    never: "require('tar-fs')",
  },
];

function replaceOnce(text: string, from: string, to: string, path: string): string {
  if (text.split(from).length !== 2) throw new Error(`${path} is not as expected: ${from}`);
  return text.replace(from, () => to);
}

const [outfile, target, executablePath] = process.argv.slice(2);
if (outfile === undefined || target === undefined || executablePath === undefined) {
  throw new Error("usage: bun scripts/bundle.ts OUTFILE TARGET EXECUTABLE");
}
await bundle(outfile, target, executablePath);
