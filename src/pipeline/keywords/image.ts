import { imageNameProblem } from "../image-name.ts";
import { list, text, word } from "../shape.ts";
import { object } from "../shape-object.ts";
import { passOver } from "./leftovers.ts";
import { plainText } from "./values.ts";

const imageName = {
  shape: text({
    noun: "an image name",
    code: "CONFIG_INVALID_IMAGE",
    problem: imageNameProblem,
    schema: { minLength: 1 },
  }),
  about: "The image, such as node:22-alpine. May hold $VARIABLES.",
  required: "name the image: name: node:22-alpine",
};

const user = text({
  noun: "a user",
  problem: (value) =>
    /^[A-Za-z0-9_.${}][A-Za-z0-9_.${}-]*(:[A-Za-z0-9_.${}-]+)?$/.test(value)
      ? undefined
      : { message: `"${value.slice(0, 80)}" is no user`, hint: 'write a name, a number or "1000:1000"' },
  schema: { minLength: 1 },
});

const platform = text({
  noun: "a platform",
  problem: (value) =>
    /^[a-z0-9_]+\/[a-z0-9_]+(\/[a-z0-9_]+)?$/.test(value) || value.includes("$")
      ? undefined
      : { message: `"${value.slice(0, 80)}" is no platform`, hint: "write one like linux/arm64" },
  schema: { minLength: 1 },
});

/** As whom, and for which machine. */
const engineKeywords = {
  user: { shape: user, about: "The user the container runs as: NAME, UID or UID:GID. Default: the image's." },
  platform: {
    shape: platform,
    about: "The platform of the image, such as linux/arm64. Default: the engine's.",
  },
};

/** Of the images of jobs and of services. */
export const IMAGE_KEYWORDS = {
  name: imageName,
  entrypoint: {
    shape: list(plainText, { noun: "a text or a list of texts", single: true }),
    about: 'Replaces the entry point of the image; [""] takes it away.',
  },
  pull_policy: {
    shape: list(word(["always", "if-not-present", "never"]), {
      noun: "one of always, if-not-present, never, or a list of them",
      atLeast: 1,
      single: true,
    }),
    about:
      "When the image is pulled; of several the next one counts where one fails. Default: if-not-present.",
  },
  ...engineKeywords,
};

/** GitLab's place for what the native form has beside the name. */
export const DOCKER_KEYWORD = {
  docker: {
    shape: object(engineKeywords, { noun: "a mapping with user and platform" }),
    about: "User and platform, as GitLab has them.",
  },
};

export const DOCKER_HINT = (key: string) =>
  key === "docker" ? "write user and platform beside the name" : undefined;

const OPTIONS = {
  noun: "a mapping with name, entrypoint, pull_policy, user and platform",
  shorthand: "name",
} as const;

const native = object(IMAGE_KEYWORDS, { ...OPTIONS, elsewhere: DOCKER_HINT });
const gitlab = object({ ...IMAGE_KEYWORDS, ...DOCKER_KEYWORD }, { ...OPTIONS, onUnknown: passOver("image") });

export const image: typeof gitlab = {
  ...native,
  read: (node, context) => (context.lax === true ? gitlab : native).read(node, context),
};
