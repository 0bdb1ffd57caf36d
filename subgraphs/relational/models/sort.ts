/** The orders of lists, in a form that is free of both GraphQL and SQL. */

/** One level of a sort; nulls are the largest values. */
export interface Order {
  readonly field: string;
  readonly direction: 'ASC' | 'DESC';
}

/** A value as lists are sorted by it and cursors hold it. */
export type SortValue = string | number | boolean | null;
