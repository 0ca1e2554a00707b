import * as v from "valibot";
import type { Route } from "../api/route.ts";
import { CicdError } from "../errors/cicd-error.ts";
import type { ByteShare } from "./byte-budget.ts";
import { RequestRefused } from "./problems.ts";
import { type BodyTimes, checkLength, passWhole, readStreamed, readWhole } from "./read-body.ts";

/** A body that nothing has been read of yet; one of the two, once. Both throw what reading a body throws. */
export interface RawBody {
  /** All of it. */
  read(): Promise<Uint8Array>;
  /** Nothing of it is held. */
  pass(show: (piece: Uint8Array) => void): Promise<void>;
}

/** What a route's schemas made of a request. `body`: the value, the stream or a `RawBody`, by the kind of the route's body. */
export interface RequestInput {
  params: unknown;
  query: unknown;
  body: unknown;
}

const MAX_ISSUES = 5;

/** Throws USAGE (400) for what the schemas refuse, 415 for another media type, and what reading the body throws. */
export async function readRequest(
  route: Route,
  request: Request,
  times: BodyTimes,
  share: ByteShare,
): Promise<RequestInput> {
  const url = new URL(request.url);
  const params = validate(route.params, readParams(route.path, url.pathname), "path");
  const query = validate(route.query, readQuery(url.search), "query");
  return { params, query, body: await readBody(route, request, times, share) };
}

async function readBody(
  route: Route,
  request: Request,
  times: BodyTimes,
  share: ByteShare,
): Promise<unknown> {
  const { body } = route;
  if (body === undefined) return undefined;
  checkLength(request, body.maxBytes);
  if (body.kind === "raw") {
    const raw: RawBody = {
      read: () => readWhole(request, body.maxBytes, times, share),
      pass: (show) => passWhole(request, body.maxBytes, times, show),
    };
    return raw;
  }
  const encoding = request.headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    throw new RequestRefused(415, "USAGE", `the content encoding ${JSON.stringify(encoding)} is not taken`);
  }
  if (body.kind === "stream") {
    checkMediaType(request, body.mediaType);
    return readStreamed(request, body.maxBytes, times);
  }
  checkMediaType(request, "application/json");
  const text = decodeUtf8(await readWhole(request, body.maxBytes, times, share));
  return validate(body.schema, parseJson(text), "body");
}

function checkMediaType(request: Request, wanted: string): void {
  const [type = "", ...parameters] = (request.headers.get("content-type") ?? "").toLowerCase().split(";");
  const isUtf8 = parameters.every((text) => /^\s*(charset="?utf-8"?)?\s*$/.test(text));
  if (type.trim() === wanted && isUtf8) return;
  throw new RequestRefused(415, "USAGE", `the body must be of the content type ${wanted}`);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CicdError("USAGE", "the body is not valid UTF-8");
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CicdError("USAGE", "the body is not valid JSON");
  }
}

/** The values of the path's braces. */
function readParams(template: string, pathname: string): Record<string, string> {
  const actual = pathname.split("/");
  const entries = template.split("/").flatMap((part, index): [string, string][] => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    return name === undefined ? [] : [[name, decodePercent(actual[index] ?? "")]];
  });
  return Object.fromEntries(entries);
}

/** A parameter that stands more than once is a list. */
function readQuery(search: string): Record<string, string | string[]> {
  const values = new Map<string, string | string[]>();
  for (const pair of search.replace(/^\?/, "").split("&")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    const [name, value] = at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
    const key = decodePercent(name.replaceAll("+", " "));
    const text = decodePercent(value.replaceAll("+", " "));
    const before = values.get(key);
    values.set(key, before === undefined ? text : [before, text].flat());
  }
  return Object.fromEntries(values);
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new CicdError("USAGE", "the address holds a percent sign that encodes no UTF-8");
  }
}

function validate(schema: v.GenericSchema | undefined, value: unknown, place: string): unknown {
  const result = v.safeParse(schema ?? v.strictObject({}), value);
  if (result.success) return result.output;
  const issues = result.issues.slice(0, MAX_ISSUES).map((issue) => describe(issue));
  const more = result.issues.length - issues.length;
  const rest = more > 0 ? `; and ${more} more` : "";
  throw new CicdError("USAGE", `the ${place} is not as it should be: ${issues.join("; ")}${rest}`, {
    hint: "see /api/openapi.json",
  });
}

/** Where and what; values are cut short, since they may be long or secret. */
function describe(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? "";
  const message = issue.message.slice(0, 120);
  return path === "" ? message : `${path.slice(0, 120)}: ${message}`;
}
