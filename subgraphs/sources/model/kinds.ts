/** The kinds of store that a file of sources may name. What opens each is in the subgraph's index. */

interface Kind {
  /** What URLs of it begin with. */
  readonly schemes: readonly string[];
  /** Those that are read where the file names none; empty: the database that the URL names. */
  readonly schemas: readonly string[];
  /** Whether its rows can be changed. */
  readonly writes?: true;
  /** Whether it can keep a record of changes. */
  readonly records?: true;
}

export const KINDS = {
  postgres: { schemes: ['postgres:', 'postgresql:'], schemas: ['public'], writes: true, records: true },
  qdrant: { schemes: ['qdrant:', 'qdrants:'], schemas: ['public'] },
  neo4j: { schemes: ['neo4j:', 'neo4j+s:', 'neo4j+ssc:', 'bolt:', 'bolt+s:', 'bolt+ssc:'], schemas: ['graph'] },
  mongodb: { schemes: ['mongodb:', 'mongodb+srv:'], schemas: [] },
  s3: { schemes: ['s3:', 's3+http:'], schemas: [] },
  sqlite: { schemes: ['sqlite:'], schemas: ['main'], writes: true },
  clickhouse: { schemes: ['clickhouse:', 'clickhouses:'], schemas: [] },
  mysql: { schemes: ['mysql:'], schemas: [], writes: true },
  mariadb: { schemes: ['mariadb:', 'mysql:'], schemas: [], writes: true },
} as const satisfies Readonly<Record<string, Kind>>;

export type KindName = keyof typeof KINDS;

export const KIND_NAMES = Object.keys(KINDS) as [KindName, ...KindName[]];

/** Whether a URL may lead to a store of a kind. */
export const isUrlOf = (kind: KindName, url: string): boolean =>
  (KINDS[kind].schemes as readonly string[]).some((scheme) => url.startsWith(scheme));

/** The kind of what a URL leads to; undefined where none has such URLs. */
export const kindOfUrl = (url: string): KindName | undefined => KIND_NAMES.find((kind) => isUrlOf(kind, url));
