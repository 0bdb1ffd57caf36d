/** What conditions are in every SQL: how they combine. What one compares is a dialect's own. */
import { sql, type RawBuilder } from 'kysely';
import type { Condition, ConditionKeys } from '../filters/condition.ts';

type Sql = RawBuilder<unknown>;

/** A condition on one column. */
export type LeafCondition = Exclude<Condition, { kind: 'and' | 'or' | 'not' | 'linked' }>;

/** Whether there are rows at the other end of a link that satisfy a condition, as SQL. */
export type LinkedRows = (link: string, of: Condition | undefined) => Sql;

const noLinks: LinkedRows = (link) => {
  throw new Error(`A filter leads along a link that is not known: ${link}.`);
};

/** Not `NOT`: what is null is no match, so its opposite is one. */
const isNotTrue = (condition: Sql): Sql => sql`(${condition}) IS NOT TRUE`;

/**
 * An expression that is true for the rows that match; false or null for all others.
 * @param not the opposite, which null has too
 * @param keyed whether columns are one of many keys. @default each by itself
 */
export function combined(
  condition: Condition,
  leaf: (condition: LeafCondition) => Sql,
  linked: LinkedRows = noLinks,
  not: (condition: Sql) => Sql = isNotTrue,
  keyed?: (keys: ConditionKeys) => Sql,
): Sql {
  if (condition.kind === 'or' && condition.keys !== undefined && keyed !== undefined) return keyed(condition.keys);
  switch (condition.kind) {
    case 'and':
    case 'or': {
      if (condition.of.length === 0) return condition.kind === 'and' ? sql`true` : sql`false`;
      const parts = condition.of.map((part) => combined(part, leaf, linked, not, keyed));
      return sql`(${sql.join(parts, condition.kind === 'and' ? sql` AND ` : sql` OR `)})`;
    }
    case 'not':
      return not(combined(condition.of, leaf, linked, not, keyed));
    case 'linked':
      return linked(condition.link, condition.of);
    default:
      return leaf(condition);
  }
}

/** A text as `LIKE` takes it literally, with `\` as the character that escapes. */
export const escapeLike = (text: string): string => text.replace(/[\\%_]/g, (character) => `\\${character}`);
