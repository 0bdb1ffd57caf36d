/** Keys as filters take them. */

/** How a filter's field takes keys. */
export interface KeyColumn {
  /** The most of one `in`. */
  readonly values: number;
  /** Whether they are GraphQL's `Int`; those of all other scalars are taken as texts. */
  readonly numeric: boolean;
}

export const taken = (keys: readonly string[], { numeric }: Pick<KeyColumn, 'numeric'>): readonly unknown[] =>
  numeric ? keys.map(Number) : keys;
