import type { App } from "./app.ts";

/** What jobs without an image run in, where they need one. */
export function withDefaultImage<T extends { imageRequired: boolean }>(
  { defaultImage }: Pick<App, "defaultImage">,
  choice: T,
): T & { defaultImage?: string } {
  return choice.imageRequired && defaultImage !== undefined ? { ...choice, defaultImage } : choice;
}
