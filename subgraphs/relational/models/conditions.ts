/**
 * Conditions and orders on the columns of a model, in a form that is free of both GraphQL and SQL. Two-valued: a comparison with a
 * null column is false, and `not` makes it true.
 */
import type { JsonValue } from '#subgraphs/shared/json.ts';

/** A value as it is compared; moments are ISO 8601 texts. */
export type Operand = string | number | boolean;

export type Condition =
  | { kind: 'and'; of: readonly Condition[] }
  | { kind: 'or'; of: readonly Condition[] }
  | { kind: 'not'; of: Condition }
  | { kind: 'null'; column: string }
  | { kind: 'compare'; column: string; operator: '=' | '>' | '>=' | '<' | '<='; value: Operand }
  | { kind: 'in'; column: string; values: readonly Operand[] }
  /** Ignores case. */
  | { kind: 'contains'; column: string; text: string }
  /** Respects case. */
  | { kind: 'startsWith'; column: string; text: string }
  /** The value at a path of a JSON column equals one of these. */
  | { kind: 'json'; column: string; path: readonly string[]; values: readonly JsonValue[] }
  | { kind: 'jsonExists'; column: string; path: readonly string[] };

/** One level of a sort; nulls are the largest values. */
export interface Order {
  readonly field: string;
  readonly direction: 'ASC' | 'DESC';
}

/** A value as lists are sorted by it and cursors hold it. */
export type SortValue = string | number | boolean | null;
