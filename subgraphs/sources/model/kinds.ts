/** The kinds of store that a file of sources may name. What opens each is in the subgraph's index. */

interface Kind {
  /** What URLs of it begin with. */
  readonly schemes: readonly string[];
}

export const KINDS = {
  postgres: { schemes: ['postgres:', 'postgresql:'] },
  qdrant: { schemes: ['qdrant:', 'qdrants:'] },
} as const satisfies Readonly<Record<string, Kind>>;

export type KindName = keyof typeof KINDS;

export const KIND_NAMES = Object.keys(KINDS) as [KindName, ...KindName[]];

/** The kind of what a URL leads to; undefined where none has such URLs. */
export const kindOfUrl = (url: string): KindName | undefined =>
  KIND_NAMES.find((kind) => KINDS[kind].schemes.some((scheme) => url.startsWith(scheme)));
