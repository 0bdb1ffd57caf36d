/** Names that a source's types and fields cannot have, because every subgraph has them. Those of other subgraphs are compared when they are composed. */

/** GraphQL's own, the shared scalars and filters, and the roots. */
export const RESERVED_TYPES: ReadonlySet<string> = new Set([
  ...[
    'Query',
    'Mutation',
    'Subscription',
    'PageInfo',
    'OrderDirection',
    'MetadataFilter',
    'AggregateMeasure',
    'TimeBucket',
    'RowChange',
  ],
  ...['ID', 'String', 'Int', 'Float', 'Boolean'].flatMap((name) => [
    name,
    ...['Filter', 'ListFilter'].map((end) => `${name === 'ID' ? 'Id' : name}${end}`),
  ]),
  ...[
    'BigInt',
    'Decimal',
    'DateTime',
    'LocalDateTime',
    'Date',
    'Time',
    'LocalTime',
    'Duration',
    'JSON',
    'Bytes',
  ].flatMap((name) => [name, `${name}Filter`, `${name}ListFilter`]),
]);

/** What filters have beside columns. */
export const RESERVED_FIELDS: ReadonlySet<string> = new Set(['and', 'or', 'not']);
