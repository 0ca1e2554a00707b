import type * as v from "valibot";
import type { Role } from "../run/registry.ts";

/**
 * One operation of the API. `role`: what the token must be allowed; `none`: answers without one; `signed`: the body carries
 * its own proof (a webhook). Path parameters stand in braces. Where `params`, `query` or `body` are missing there is none.
 */
export interface Route {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** From the root. */
  path: `/${string}`;
  role: Role | "none" | "signed";
  summary: string;
  params?: v.GenericSchema<Record<string, unknown>, Record<string, unknown>>;
  /** Unknown parameters are refused; one that stands twice is refused where its schema takes no list. */
  query?: v.GenericSchema<Record<string, unknown>, Record<string, unknown>>;
  body?: BodySpec;
  response: ResponseSpec;
}

/**
 * `json` is validated whole. `stream` is handed on as it comes. `raw` is bytes of whatever type, that the handler
 * reads by itself.
 */
export type BodySpec =
  | { kind: "json"; schema: v.GenericSchema; maxBytes: number }
  | { kind: "stream"; mediaType: string; maxBytes: number }
  | { kind: "raw"; maxBytes: number };

/** What success looks like; failures are problems (`problem.ts`), everywhere. */
export type ResponseSpec =
  /** `alsoStatus`: the same shape tells of a state that is not success. */
  | { kind: "json"; status: 200 | 201 | 202; schema: v.GenericSchema; alsoStatus?: 503 }
  | { kind: "empty"; status: 204 }
  /** Bytes; `mediaTypes[0]` unless the request asks for another. `events`: the messages of `text/event-stream`, by name. */
  | { kind: "bytes"; status: 200; mediaTypes: string[]; events?: Record<string, v.GenericSchema> };
