/**
 * What a filter asks for, free of both GraphQL and any store. Two-valued: a comparison with a column that has no value is false, and
 * `not` makes it true. So `ne`, `notIn` and `not` match what has no value, in every store.
 */
import type { ExactNumber } from '../exact-number.ts';
import type { JsonValue } from '../json.ts';
import type { Pattern } from './pattern.ts';

/** A value as it is compared; moments are ISO 8601 texts. */
export type Operand = string | number | boolean;

export type Comparison = '=' | '>' | '>=' | '<' | '<=';

/** Columns, and what they must be together: one of these, as texts of the store. */
export interface ConditionKeys {
  readonly columns: readonly string[];
  readonly keys: readonly (readonly string[])[];
}

export type Condition =
  | { kind: 'and'; of: readonly Condition[] }
  /** `keys` says the same, for stores that can be asked for many keys of several columns at once. */
  | { kind: 'or'; of: readonly Condition[]; keys?: ConditionKeys }
  | { kind: 'not'; of: Condition }
  | { kind: 'null'; column: string }
  /** Texts compare by code point. */
  | { kind: 'compare'; column: string; operator: Comparison; value: Operand }
  | { kind: 'in'; column: string; values: readonly Operand[] }
  /** Ignores case. */
  | { kind: 'contains'; column: string; text: string }
  /** Respects case. */
  | { kind: 'startsWith'; column: string; text: string }
  /** Respects case. */
  | { kind: 'endsWith'; column: string; text: string }
  /** Somewhere in the text. */
  | { kind: 'matches'; column: string; pattern: Pattern }
  /** Of a column of lists. */
  | { kind: 'list'; column: string; test: ListTest }
  | { kind: 'json'; column: string; path: readonly string[]; test: JsonTest }
  /** Leads along `link` to at least one row; to one that satisfies `of`, whose columns are those of the link's other end. */
  | { kind: 'linked'; link: string; of: Condition | undefined };

/** What a list must be. An item without a value equals nothing. */
export type ListTest =
  | { kind: 'empty' }
  /** All of these are among its items, one of these is, or its items are among these and nothing else. */
  | { kind: 'all' | 'any' | 'only'; values: readonly Operand[] };

/** What the value at a path of a JSON column must be. Where there is none, nothing holds. */
export type JsonTest =
  | { kind: 'exists' }
  /** Equals one of these, as JSON; or is a list, one of whose elements does. */
  | { kind: 'in'; values: readonly JsonValue[] }
  /** A number against a number, or a text against a text by code point; all others are not comparable. */
  | { kind: 'compare'; operator: Exclude<Comparison, '='>; value: string | number | ExactNumber }
  /** Of a text, as for text columns. */
  | { kind: 'contains' | 'startsWith' | 'endsWith'; text: string }
  | { kind: 'matches'; pattern: Pattern };
