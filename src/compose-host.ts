import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Host } from "./cli/command.ts";
import { composeApp } from "./compose-app.ts";
import { isHangupIgnored } from "./config/ignored-signals.ts";
import { loadConfig } from "./config/load-config.ts";
import { readEnvironment } from "./config/read-environment.ts";

export function composeHost(version: string): Host {
  const environment = readEnvironment();
  return {
    version,
    startDetached(args, variables, logFile) {
      const [program, ...leading] = selfCommand();
      const log = openSync(logFile, "a", 0o600);
      try {
        const env = { ...environment.variables, ...variables };
        return spawn(program, [...leading, ...args], { detached: true, stdio: ["ignore", log, log], env });
      } finally {
        closeSync(log);
      }
    },
    isHangupIgnored,
    loadConfig: (flags) => loadConfig(environment, flags, (text) => Bun.YAML.parse(text)),
    createApp: (config, purpose) => composeApp(config, environment.variables, purpose),
    async connect({ server, stateDir }, app, tell) {
      const { composeClient } = await import("./compose-client.ts");
      return composeClient(server!, stateDir, app, tell);
    },
    async openServer(app, config, options) {
      const { composeServer } = await import("./compose-server.ts");
      return composeServer(app, config, { ...options, version });
    },
  };
}

/** A compiled executable is started by its path alone, a source file by Bun. */
function selfCommand(): [string, ...string[]] {
  const [program, script] = process.argv;
  const isCompiled = script === undefined || Bun.embeddedFiles.length > 0 || script.startsWith("/$bunfs/");
  return isCompiled ? [process.execPath] : [program ?? process.execPath, script];
}
