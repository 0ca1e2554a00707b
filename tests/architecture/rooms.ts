/**
 * What a room of `src/` may import: other rooms (`rooms`; of those in `types` only types), packages, and node:/bun:
 * builtins. A pure room has neither builtins nor a clock, randomness, environment or I/O: all of it comes in as
 * arguments. This table is the rule; docs/architecture.md describes it.
 */
export interface Room {
  rooms: readonly string[];
  types?: readonly string[];
  packages?: readonly string[];
  /** `all`, or exactly these. */
  builtins?: "all" | readonly string[];
  pure?: boolean;
}

const CORE = ["run", "plan", "pipeline", "errors"] as const;

/** What the executors share. */
const EVERY_EXECUTOR = ["executor/attempt", "executor/script", "executor/selection"] as const;

/** A room is a folder, the longest that fits; `main` is what stands in no folder of `src/`: the composition. */
export const ROOMS: Readonly<Record<string, Room>> = {
  errors: { rooms: [], pure: true },
  pipeline: { rooms: ["errors"], packages: ["yaml", "valibot", "croner", "re2js"], pure: true },
  plan: { rooms: ["pipeline", "errors"], packages: ["yaml", "valibot"], pure: true },
  run: { rooms: ["plan", "pipeline", "errors"], builtins: ["node:crypto"] },

  reports: { rooms: [], types: ["run"], packages: ["saxes"], pure: true },

  "executor/attempt": { rooms: CORE, builtins: "all" },
  "executor/script": { rooms: CORE, builtins: "all" },
  "executor/selection": { rooms: CORE, builtins: "all" },
  "executor/docker": {
    rooms: [...CORE, ...EVERY_EXECUTOR],
    packages: ["dockerode", "tar-stream"],
    builtins: "all",
  },
  "executor/shell": { rooms: [...CORE, ...EVERY_EXECUTOR], packages: ["tar-stream"], builtins: "all" },
  "executor/fake": { rooms: [...CORE, ...EVERY_EXECUTOR], packages: ["tar-stream"], builtins: "all" },
  workspace: { rooms: CORE, packages: ["tar-stream"], builtins: "all" },
  store: { rooms: CORE, builtins: ["node:crypto", "node:zlib"] },
  "store/memory": { rooms: [...CORE, "store"] },
  "store/sqlite": { rooms: [...CORE, "store"], builtins: "all" },
  "store/postgres": { rooms: [...CORE, "store"], packages: ["postgres"], builtins: "all" },

  app: { rooms: CORE, packages: ["croner"], builtins: ["node:path", "node:crypto"] },
  api: { rooms: CORE, types: ["app"], packages: ["valibot", "@valibot/to-json-schema"], pure: true },
  server: { rooms: ["api", "app", ...CORE], packages: ["hono", "valibot"], builtins: "all" },
  client: { rooms: ["api", "app", ...CORE], packages: ["valibot", "eventsource-parser"], builtins: "all" },
  config: { rooms: ["errors", "pipeline"], types: ["app", "run"], builtins: "all" },
  cli: { rooms: ["app", "config", ...CORE], packages: ["citty", "consola"], builtins: "all" },
  main: {
    rooms: [
      "cli",
      "client",
      "server",
      "api",
      "config",
      "app",
      ...CORE,
      "workspace",
      "executor/docker",
      "executor/shell",
      "store/sqlite",
      "store/postgres",
      "reports",
    ],
    builtins: "all",
  },
};

/** The only room that reads the environment of the process. */
export const READS_ENVIRONMENT = "config";

export const MAX_LINES = 400;
