import { defineCommand, runCommand } from "citty";
import type { Config } from "../config/config.ts";
import { CicdError } from "../errors/cicd-error.ts";
import { EXIT } from "../errors/codes.ts";
import { Suggester } from "../pipeline/suggest.ts";
import { allFlags, type CicdCommand, type Host } from "./command.ts";
import { COMMANDS, type CommandEntry, findCommand } from "./commands.ts";
import { type GLOBAL_FLAGS, WORKER_FLAGS } from "./common-flags.ts";
import { exitStatusOf, renderError, toCicdError, toErrorJson } from "./errors.ts";
import { type FlagDefs, type FlagValues, parseFlags } from "./flags.ts";
import { renderCommandHelp, renderProgramHelp } from "./help.ts";
import { Interrupts } from "./interrupts.ts";
import { Output } from "./output.ts";
import { createStyle } from "./render/style.ts";
import { createServices } from "./services.ts";
import { splitCommand } from "./split-command.ts";

/**
 * Runs one command line to its end and returns the exit status; nothing is thrown. citty finds and loads the command;
 * its flags are parsed by `parseFlags`, because citty lets unknown ones pass.
 */
export async function runProgram(args: string[], host: Host): Promise<number> {
  try {
    const { command, rest, options } = splitCommand(args);
    if (options.version) return await print(`cicd ${host.version}\n`);
    if (command === undefined) {
      if (rest.length === 0 || options.help) return await print(renderProgramHelp(host.version));
      throw new CicdError("USAGE", "there is no command", { hint: "see what there is with: cicd --help" });
    }
    const entry = findCommand(command);
    if (entry === undefined) throw unknownCommand(command);
    let status: number = EXIT.success;
    const subCommands = {
      [entry.name]: async () => {
        const { default: loaded } = await entry.load();
        return defineCommand({
          meta: { name: entry.name, description: entry.summary },
          run: async ({ rawArgs }) => {
            status = await runLoaded(entry, loaded, rawArgs, host);
          },
        });
      },
    };
    await runCommand(defineCommand({ meta: { name: "cicd" }, subCommands }), {
      rawArgs: [entry.name, ...rest],
    });
    return status;
  } catch (error) {
    return report(toCicdError(error), plainOutput(args));
  }
}

async function runLoaded(
  entry: CommandEntry,
  command: CicdCommand,
  rawArgs: string[],
  host: Host,
): Promise<number> {
  let output = plainOutput(rawArgs);
  using interrupts = new Interrupts({ isHangupIgnored: host.isHangupIgnored() });
  try {
    const { flags, positionals } = parseFlags(rawArgs, allFlags(command));
    if (flags.help) return await print(renderCommandHelp(entry.name, entry.summary, command));
    checkPositionals(positionals, command);
    const config = host.loadConfig(toConfigFlags(flags, command.flags));
    output = createOutput(flags, config);
    for (const warning of config.warnings) output.warn(warning);
    using _impatience = interrupts.listen((count) => {
      if (count > 1 && !command.endsItself && !command.isService) process.exit(EXIT.interrupted);
    });
    await using app = host.createApp(config, command.isService === true ? "serve" : "person");
    const signal = AbortSignal.any([interrupts.signal, output.closed]);
    const services = createServices(host, config, app, output, flags);
    const context = { flags, positionals, host, config, app, output, interrupts, signal, ...services };
    const status = await command.run(context);
    const isInterrupted = interrupts.wasInterrupted && !command.isService;
    return isInterrupted ? EXIT.interrupted : (status ?? EXIT.success);
  } catch (error) {
    if (interrupts.isCauseOf(error)) return EXIT.interrupted;
    if (output.closed.aborted) return EXIT.success;
    return await report(toCicdError(error), output);
  } finally {
    await output.flush();
  }
}

async function report(error: CicdError, output: Output): Promise<number> {
  if (output.json) await output.printJson(toErrorJson(error));
  else await output.err(renderError(error, { style: output.style.err, isVerbose: output.verbose }));
  return exitStatusOf(error);
}

/** Before the flags are understood: just enough to report an error in the form that was asked for. */
function plainOutput(args: string[]): Output {
  const end = args.indexOf("--");
  const given = end < 0 ? args : args.slice(0, end);
  const isVerbose = given.includes("--verbose") || given.includes("-v");
  return new Output({
    stdout: process.stdout,
    stderr: process.stderr,
    style: { out: createStyle(false), err: createStyle(false) },
    json: given.includes("--json"),
    quiet: false,
    verbose: isVerbose,
    canRepaint: false,
  });
}

function createOutput(flags: FlagValues<typeof GLOBAL_FLAGS>, config: Config): Output {
  if (flags.quiet && flags.verbose) throw new CicdError("USAGE", "--quiet and --verbose exclude each other");
  return new Output({
    stdout: process.stdout,
    stderr: process.stderr,
    style: { out: createStyle(config.color.stdout), err: createStyle(config.color.stderr) },
    json: flags.json,
    quiet: flags.quiet,
    verbose: flags.verbose,
    canRepaint: config.canRepaint,
  });
}

function toConfigFlags(flags: FlagValues<FlagDefs>, defs: FlagDefs): Parameters<Host["loadConfig"]>[0] {
  const text = (name: string) => (typeof flags[name] === "string" ? { [name]: flags[name] } : {});
  return {
    ...text("database"),
    ...text("server"),
    ...text("executor"),
    ...text("jobs"),
    ...text("listen"),
    ...text("shared"),
    // Of other commands it names something else.
    ...(defs.name === WORKER_FLAGS.name ? text("name") : {}),
    ...text("labels"),
    local: Boolean(flags.local),
    noColor: Boolean(flags["no-color"]),
  };
}

function checkPositionals(positionals: string[], command: CicdCommand): void {
  const max = command.positionals?.max ?? 0;
  const superfluous = positionals[max];
  if (superfluous === undefined) return;
  throw new CicdError("USAGE", `unexpected argument "${superfluous}"`, {
    hint: "see what is understood with --help",
  });
}

function unknownCommand(word: string): CicdError {
  const names = COMMANDS.filter((entry) => !entry.isHidden).flatMap((entry) =>
    entry.alias === undefined ? [entry.name] : [entry.name, entry.alias],
  );
  const hint = new Suggester().hint(word, names) ?? `commands: ${names.join(", ")}`;
  return new CicdError("USAGE", `unknown command "${word}"`, { hint });
}

async function print(text: string): Promise<number> {
  const output = plainOutput([]);
  await output.out(text);
  return EXIT.success;
}
