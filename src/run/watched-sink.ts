import type { ArtifactSink, StoredLayer } from "./workspace.ts";

/** The sink, which is given only those of the paths that `takes` says yes to. */
export function watchedSink(sink: ArtifactSink, takes: (path: string) => boolean): ArtifactSink {
  const both = (accept: (path: string) => boolean) => (path: string) => accept(path) && takes(path);
  return {
    addTar: (tar, options) => sink.addTar(tar, { ...options, accept: both(options.accept) }),
    addDirectory: (root, { accept }) => sink.addDirectory(root, { accept: both(accept) }),
    commit: () => sink.commit(),
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}

/** Every list of artifacts shows their paths: those that hold a secret are left out. */
export function sinkWithoutSecretPaths(
  sink: ArtifactSink,
  log: { hidesPartOf(text: string): boolean },
): ArtifactSink {
  const secret = new Set<string>();
  const watched = watchedSink(sink, (path) => {
    if (log.hidesPartOf(path)) secret.add(path);
    return !secret.has(path);
  });
  const commit = async (): Promise<StoredLayer> => {
    const layer = await sink.commit();
    const { entries, count } = layer.leftOut;
    const more = [...secret].slice(0, MAX_NAMED).map((path) => ({ path, why: "its name holds a secret" }));
    return { ...layer, leftOut: { entries: [...entries, ...more], count: count + secret.size } };
  };
  return { ...watched, commit };
}

const MAX_NAMED = 20;
