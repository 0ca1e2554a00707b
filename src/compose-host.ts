import type { Host } from "./cli/command.ts";
import { composeApp } from "./compose-app.ts";
import { isHangupIgnored } from "./config/ignored-signals.ts";
import { loadConfig } from "./config/load-config.ts";
import { readEnvironment } from "./config/read-environment.ts";

export function composeHost(version: string): Host {
  const environment = readEnvironment();
  return {
    version,
    self: selfCommand(),
    isHangupIgnored,
    loadConfig: (flags) => loadConfig(environment, flags, (text) => Bun.YAML.parse(text)),
    createApp: (config) => composeApp(config, environment.variables),
  };
}

/** A compiled executable is started by its path alone, a source file by Bun. */
function selfCommand(): string[] {
  const [program, script] = process.argv;
  const isCompiled = script === undefined || Bun.embeddedFiles.length > 0 || script.startsWith("/$bunfs/");
  return isCompiled ? [process.execPath] : [program ?? process.execPath, script];
}
