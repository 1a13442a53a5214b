import type { ContentResumer, ContentSink, ImageStore } from "#content";

/** The store for content that belongs to an image but is to have no name of its own there. */
export function nameless(store: ImageStore): ContentSink & ContentResumer {
  return {
    has: store.has.bind(store),
    write: store.write.bind(store),
    add: store.add.bind(store),
    offsetOf: store.offsetOf.bind(store),
    tag: async () => {},
  };
}
