import { imageNameProblem } from "../image-name.ts";
import { list, text, word } from "../shape.ts";
import { object } from "../shape-object.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { plainText } from "./values.ts";

export const image = object(
  {
    name: {
      shape: text({
        noun: "an image name",
        code: "CONFIG_INVALID_IMAGE",
        problem: imageNameProblem,
        schema: { minLength: 1 },
      }),
      about: "The image, such as node:22-alpine. May hold $VARIABLES.",
      required: "name the image: name: node:22-alpine",
    },
    entrypoint: {
      shape: list(plainText, { noun: "a text or a list of texts", single: true }),
      about: 'Replaces the entry point of the image; [""] takes it away.',
    },
    pull_policy: {
      shape: word(["always", "if-not-present", "never"]),
      about: "When the image is pulled. Default: if-not-present.",
    },
  },
  {
    noun: "a mapping with name, entrypoint and pull_policy",
    shorthand: "name",
    onUnknown: refuseUnsupported("image"),
  },
);
