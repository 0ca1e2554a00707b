import type { AnswerOf, BodyOf, ParamsOf, QueryOf, ROUTES, RouteName } from "../api/routes.ts";
import type { Context } from "./parts.ts";
import type { RawBody } from "./read-request.ts";

type Body<N extends RouteName> = (typeof ROUTES)[N] extends { body: { kind: infer K } }
  ? K extends "stream"
    ? ReadableStream<Uint8Array>
    : K extends "raw"
      ? RawBody
      : BodyOf<N>
  : undefined;

type Answer<N extends RouteName> = (typeof ROUTES)[N]["response"] extends { kind: infer K }
  ? K extends "json"
    ? AnswerOf<N> | Response
    : K extends "empty"
      ? undefined
      : Response
  : never;

/** One operation: what its schemas made of the request in, what its schema describes out. */
export type Handler<N extends RouteName> = (
  input: { params: ParamsOf<N>; query: QueryOf<N>; body: Body<N> },
  context: Context,
) => Promise<Answer<N>>;

export type Handlers<N extends RouteName = RouteName> = { [Name in N]: Handler<Name> };
