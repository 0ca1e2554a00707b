import type { LayerPath } from "../../run/workspace.ts";

/** mount(2) takes one page of options. */
const MAX_OPTION_BYTES = 3_900;
/** A layer of overlayfs; the kernel takes 500. */
const MAX_LAYERS = 400;

/**
 * The `o=` of an overlay mount over as many layers, from the lowest up, as fit into one mount; `rest` are the others,
 * lowest first, which have to be copied in. `options` is undefined when not even the lowest layer can be mounted. The
 * kernel refuses a layer that is there twice; the upper one alone shows the same.
 */
export function planOverlay(
  given: LayerPath[],
  upper: string,
  work: string,
): { options: string | undefined; rest: LayerPath[] } {
  const layers = given.filter((layer, index) => given.lastIndexOf(layer) === index);
  const mountable = layers.findIndex((layer) => !canBeLower(layer));
  let count = Math.min(mountable === -1 ? layers.length : mountable, MAX_LAYERS);
  while (count > 0) {
    const lower = layers.slice(0, count).reverse().join(":");
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    if (Buffer.byteLength(options) <= MAX_OPTION_BYTES) return { options, rest: layers.slice(count) };
    count -= 1;
  }
  return { options: undefined, rest: layers };
}

/** These characters mean something to mount or to overlayfs. */
function canBeLower(path: string): boolean {
  return path.startsWith("/") && !/[,:\\"\s]/.test(path);
}
