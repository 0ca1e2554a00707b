/**
 * A structured log line: `text` for people, `event` and `fields` for programs. Neither ever holds tokens, bodies of requests,
 * or what else may be secret.
 */
export interface LogLine {
  level: "info" | "warn" | "error";
  event: string;
  text: string;
  fields: Record<string, string | number | null>;
}

/** Must not throw. */
export type Log = (line: LogLine) => void;
