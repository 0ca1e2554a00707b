import { object } from "../shape-object.ts";
import { script } from "../shape-script.ts";

const commands = script({ required: false });

const LATE = "pre_get_sources_script runs when the files are there already";

/** https://docs.gitlab.com/ci/yaml/#hooks */
export const hooks = object(
  {
    pre_get_sources_script: {
      shape: {
        ...commands,
        read(node: Parameters<typeof commands.read>[0], context: Parameters<typeof commands.read>[1]) {
          const hint = "what it prepares for fetching them has no effect here";
          context.report.warning("CONFIG_HOOK_LATE", node.span, LATE, hint);
          return commands.read(node, context);
        },
      },
      about: "Commands that run before before_script, in the same shell.",
    },
  },
  { noun: "a mapping with pre_get_sources_script" },
);
