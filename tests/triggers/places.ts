import { setDefaultTimeout } from "bun:test";
import { Place } from "./fixture.ts";

setDefaultTimeout(60_000);

/** The places of a test, ended with it. */
export function fixtures() {
  const open: Place[] = [];
  return {
    async make(texts: Record<string, string>, database?: string): Promise<Place> {
      const place = await Place.make(texts, database);
      open.push(place);
      return place;
    },
    async end(): Promise<void> {
      for (const place of open.splice(0)) await place[Symbol.asyncDispose]();
    },
  };
}
