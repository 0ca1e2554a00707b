import { dirname, join } from "node:path";
import { READS_ENVIRONMENT, ROOMS } from "./rooms.ts";

/** The room of a path below `src/`, such as `store/sqlite/migrate.ts`. Undefined: it stands in none. */
export function roomOf(path: string): string | undefined {
  if (!path.includes("/")) return "main";
  const folders = dirname(path).split("/");
  for (let length = folders.length; length > 0; length -= 1) {
    const name = folders.slice(0, length).join("/");
    if (Object.hasOwn(ROOMS, name)) return name;
  }
  return undefined;
}

interface Import {
  target: string;
  typeOnly: boolean;
}

const STATIC = /^\s*(?:import|export)\b(\s+type\b)?[^"';()]*?\bfrom\s+"([^"]+)"/gm;
const BARE = /^\s*import\s+"([^"]+)"/gm;
/** `require("…")` loads at first use where the caller cannot wait; `typeof import("…")` is of types alone. */
const DYNAMIC = /\b(typeof\s+)?(import|require)\(\s*(?:"([^"]+)"|([^)]*))/g;

export function importsOf(text: string): Import[] {
  const found: Import[] = [];
  for (const [, type, target] of text.matchAll(STATIC))
    found.push({ target: target!, typeOnly: type !== undefined });
  for (const [, target] of text.matchAll(BARE)) found.push({ target: target!, typeOnly: false });
  for (const [, type, word, target, expression] of text.matchAll(DYNAMIC)) {
    found.push({ target: target ?? `${word}(${expression})`, typeOnly: type !== undefined });
  }
  return found;
}

/** What a pure room must not name: each reads something that is not an argument. `Bun.stringWidth` is a function of its argument. */
const IMPURE =
  /\b(?:Date\.now|Math\.random|process\.\w|Bun\.(?!stringWidth\b)|performance\.\w|crypto\.\w|fetch\(|setTimeout|setInterval|console\.|navigator\.|new Date\(\)|import\.meta)/g;
const ENVIRONMENT = /\b(?:process\.env|Bun\.env|import\.meta\.env)\b/g;

/** Every way in which one file of `src/` breaks the table, one line each; `path` is relative to `src/`. */
export function offences(path: string, source: string): string[] {
  const room = roomOf(path);
  if (room === undefined) return [`${path}: stands in no room`];
  const text = withoutComments(source);
  const rules = ROOMS[room]!;
  const found = importsOf(text).flatMap((item) => importOffence(path, room, item));
  if (rules.pure)
    found.push(...[...text.matchAll(IMPURE)].map(([name]) => `uses ${name}, but ${room} is pure`));
  if (room !== READS_ENVIRONMENT && ENVIRONMENT.test(text)) found.push("reads the environment");
  return found.map((offence) => `${path}: ${offence}`);
}

function importOffence(path: string, room: string, { target, typeOnly }: Import): string[] {
  const rules = ROOMS[room]!;
  if (!target.startsWith(".")) return packageOffence(room, target);
  if (!/\.(ts|tsx|sql|json)$/.test(target)) return [`imports ${target} without its ending`];
  const resolved = join(dirname(path), target);
  if (resolved.startsWith(".."))
    return room === "main" && resolved === "../package.json" ? [] : [`imports ${target} from outside of src`];
  const other = roomOf(resolved);
  if (other === room || (other !== undefined && rules.rooms.includes(other))) return [];
  if (other !== undefined && rules.types?.includes(other)) {
    return typeOnly ? [] : [`imports ${target} from ${other}, of which it may import types only`];
  }
  return [`imports ${target}, but ${room} may not import ${other ?? "what stands in no room"}`];
}

function packageOffence(room: string, target: string): string[] {
  const rules = ROOMS[room]!;
  const isBuiltin = /^(node|bun):/.test(target) || target === "bun";
  if (isBuiltin) {
    const allowed = rules.builtins === "all" || rules.builtins?.includes(target);
    return allowed ? [] : [`imports ${target}, but ${room} may not`];
  }
  const name = target.startsWith("@") ? target.split("/").slice(0, 2).join("/") : target.split("/")[0]!;
  return rules.packages?.includes(name) ? [] : [`imports the package ${target}, but ${room} may not`];
}

function withoutComments(source: string): string {
  return source.replace(/^\s*\/\*[\s\S]*?\*\/|^\s*\/\/.*$|\s\/\/ .*$/gm, "");
}
