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
    // As a module it would start 5 ms later.
    format: "cjs",
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
 * What dockerode loads whenever it is loaded, though nearly no run needs it: twice its own time and memory. The ssh client
 * is loaded once an engine is reached by ssh; sessions with BuildKit, which only building an image takes, are left out.
 */
const leanDockerode: BunPlugin = {
  name: "lean dockerode",
  setup(build) {
    build.onLoad({ filter: /[/\\]docker-modem[/\\]lib[/\\]ssh\.js$/ }, async ({ path }) => {
      const source = await Bun.file(path).text();
      const contents = source
        .replace(
          "var Client = require('ssh2').Client,\n  http = require('http');",
          "var http = require('http');",
        )
        .replace("new Client()", "new (require('ssh2').Client)()");
      if (contents.split("ssh2").length !== 2 || /\bClient = /.test(contents))
        throw new Error(`${path} is not as expected`);
      return { contents, loader: "js" };
    });
    build.onLoad({ filter: /[/\\]dockerode[/\\]lib[/\\](session|buildkit)\.js$/ }, () => ({
      contents: 'module.exports = () => { throw new Error("BuildKit is no part of this program"); };',
      loader: "js",
    }));
  },
};

const [outfile, target, executablePath] = process.argv.slice(2);
if (outfile === undefined || target === undefined || executablePath === undefined) {
  throw new Error("usage: bun scripts/bundle.ts OUTFILE TARGET EXECUTABLE");
}
await bundle(outfile, target, executablePath);
