/** What conditions are in every SQL: how they combine. What one compares is a dialect's own. */
import { sql, type RawBuilder } from 'kysely';
import type { Condition } from '../filters/condition.ts';

type Sql = RawBuilder<unknown>;

/** A condition on one column. */
export type LeafCondition = Exclude<Condition, { kind: 'and' | 'or' | 'not' | 'linked' }>;

/** Whether there are rows at the other end of a link that satisfy a condition, as SQL. */
export type LinkedRows = (link: string, of: Condition | undefined) => Sql;

const noLinks: LinkedRows = (link) => {
  throw new Error(`A filter leads along a link that is not known: ${link}.`);
};

/** An expression that is true for the rows that match; false or null for all others. */
export function combined(
  condition: Condition,
  leaf: (condition: LeafCondition) => Sql,
  linked: LinkedRows = noLinks,
): Sql {
  switch (condition.kind) {
    case 'and':
    case 'or': {
      if (condition.of.length === 0) return condition.kind === 'and' ? sql`true` : sql`false`;
      const parts = condition.of.map((part) => combined(part, leaf, linked));
      return sql`(${sql.join(parts, condition.kind === 'and' ? sql` AND ` : sql` OR `)})`;
    }
    // Not `NOT`: what is null is no match, so its opposite is one.
    case 'not':
      return sql`(${combined(condition.of, leaf, linked)}) IS NOT TRUE`;
    case 'linked':
      return linked(condition.link, condition.of);
    default:
      return leaf(condition);
  }
}

/** A text as `LIKE` takes it literally, with `\` as the character that escapes. */
export const escapeLike = (text: string): string => text.replace(/[\\%_]/g, (character) => `\\${character}`);
