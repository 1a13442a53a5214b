export type { ContentMounter, ContentResumer, ContentSink, ContentSource, ContentTarget } from "./content.ts";
