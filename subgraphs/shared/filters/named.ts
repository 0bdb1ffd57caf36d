/** What a filter names, to tell what is wrong with one that nothing matches. */
import type { GraphQLResolveInfo } from 'graphql';
import { noteHint } from '../hints.ts';
import { ID_PREFIX, isIdOf, type IdType } from '../ids.ts';
import type { Condition, Operand } from './condition.ts';

/** The columns that a condition names. */
export function columnsIn(where: Condition | undefined): string[] {
  if (where === undefined || where.kind === 'linked') return [];
  if (where.kind === 'and' || where.kind === 'or') return where.of.flatMap(columnsIn);
  return where.kind === 'not' ? columnsIn(where.of) : [where.column];
}

/** The values that a column must have to match: those it is compared with, not those that are excluded. */
export function valuesNamed(where: Condition | undefined, column: string): Operand[] {
  if (where?.kind === 'and' || where?.kind === 'or') return where.of.flatMap((part) => valuesNamed(part, column));
  if (where?.kind === 'compare' && where.operator === '=' && where.column === column) return [where.value];
  if (where?.kind === 'in' && where.column === column) return [...where.values];
  return [];
}

/**
 * Tells of values that can be no ids of what they are compared with, such as a name.
 * @param types of the columns that hold ids, the type that they are ids of
 */
export function noteForeignIds(
  where: Condition | undefined,
  types: Readonly<Record<string, IdType>>,
  info: GraphQLResolveInfo,
): void {
  for (const [column, type] of Object.entries(types))
    for (const value of new Set(valuesNamed(where, column).map(String)))
      if (!isIdOf(type, value))
        noteHint(info, {
          message: `\`${column}\`: ${JSON.stringify(value.slice(0, 80))} is not the id of one: ids of ${type} look like \`${ID_PREFIX[type]}_…\`.`,
          suggestions: [],
        });
}
