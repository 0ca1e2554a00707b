/** What of a service says how it is called. */
interface Named {
  name: string;
  aliases: readonly string[];
}

/**
 * The host names of each service: its aliases, and the two that GitLab makes of the image's name, unless another service has
 * them: https://docs.gitlab.com/ci/services/#accessing-the-services
 */
export function serviceNames(services: readonly Named[]): string[][] {
  const taken = new Set(services.flatMap(({ aliases }) => aliases));
  return services.map(({ name, aliases }) => {
    const made = namesOfImage(name).filter((one) => !taken.has(one));
    for (const one of made) taken.add(one);
    return [...new Set([...aliases, ...made])];
  });
}

/** `reg.example.org:5000/a/b:tag` is `reg.example.org__a__b` and `reg.example.org-a-b`. */
function namesOfImage(image: string): string[] {
  const [reference = ""] = image.split("@");
  const parts = reference.split("/");
  const last = parts.length - 1;
  const plain = parts.map((part, index) => (index === 0 || index === last ? part.replace(/:.*$/, "") : part));
  return [...new Set([plain.join("__"), plain.join("-")])].filter((name) => name !== "");
}
