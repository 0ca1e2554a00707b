import type { JsonSchema, Shape } from "../shape.ts";

/** A key that composition takes out of the document; one that is still there came from where composition does not reach. */
export function spent(key: string, schema: JsonSchema): Shape<never> {
  return {
    noun: "a name",
    schema,
    accepts: () => true,
    read({ span }, { report }) {
      const hint = "write it into the file itself";
      return report.error("CONFIG_NOT_SUPPORTED", span, `"${key}" is not supported here`, hint);
    },
  };
}
