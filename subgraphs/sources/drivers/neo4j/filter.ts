/** What Neo4j is asked to check of a filter: the tenant, and what is equal or one of a list. It may let through more, never less. */
import neo4j from 'neo4j-driver';
import type { Condition, Operand } from '#subgraphs/shared/filters/condition.ts';
import type { Relation, RelationColumn } from '../../driver.ts';
import { columnNames, ELEMENT_ID, END_ID, quoted, START_ID } from './names.ts';

const isRelationship = ({ columns }: Relation): boolean =>
  Object.values(columns).some(({ name }) => name === START_ID || name === END_ID);

/** `n` is what a row is; of a relationship, `a` and `b` are its ends. */
export const patternOf = (relation: Relation): string =>
  isRelationship(relation) ? `MATCH (a)-[n:${quoted(relation.table)}]->(b)` : `MATCH (n:${quoted(relation.table)})`;

/** A column's value. @param key the parameter that holds the name of its property */
export function expressionOf(relation: Relation, name: string, key: string): string {
  if (name === ELEMENT_ID) return 'elementId(n)';
  if (!isRelationship(relation)) return `n[$${key}]`;
  if (name === START_ID) return 'elementId(a)';
  if (name === END_ID) return 'elementId(b)';
  // What a relationship has not itself is what both its ends have.
  return `coalesce(n[$${key}], CASE WHEN a[$${key}] = b[$${key}] THEN a[$${key}] END)`;
}

export function whereOf(
  relation: Relation,
  tenantId: string,
  where: Condition | undefined,
): {
  readonly conditions: readonly string[];
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Whether nothing else passes. */
  readonly exact: boolean;
} {
  const parameters: Record<string, unknown> = {};
  const given = (value: unknown): string => {
    const name = `w${Object.keys(parameters).length}`;
    parameters[name] = value;
    return name;
  };
  const anyOf = ({ name, kind, native }: RelationColumn, values: readonly Operand[]): string | undefined => {
    const isId = native === 'element id';
    // What compares as something else than it is kept is looked at here.
    if (!isId && kind !== 'text' && kind !== 'int' && kind !== 'bigint') return undefined;
    const texts = values.map(String);
    // What is a number in one row may be its digits in another.
    const numbers = isId || kind === 'text' ? [] : texts.map((text) => neo4j.int(text));
    const key = columnNames.keyOf(name);
    const list = `$${given([...texts, ...numbers])}`;
    // By its name, so that an index of the property serves it.
    if (!isId && !isRelationship(relation) && !key.includes('\\')) return `n.${quoted(key)} IN ${list}`;
    return `${expressionOf(relation, name, given(key))} IN ${list}`;
  };
  const checked = (condition: Condition): string | undefined => {
    switch (condition.kind) {
      case 'and': {
        const parts = condition.of.map(checked).filter((part) => part !== undefined);
        return parts.length === 0 ? undefined : `(${parts.join(' AND ')})`;
      }
      case 'or': {
        const parts = condition.of.map(checked);
        if (parts.length === 0) return 'false';
        return parts.every((part) => part !== undefined) ? `(${parts.join(' OR ')})` : undefined;
      }
      case 'compare':
        return condition.operator === '=' ? anyOf(relation.columns[condition.column]!, [condition.value]) : undefined;
      case 'in':
        return anyOf(relation.columns[condition.column]!, condition.values);
      default:
        return undefined;
    }
  };
  const { tenant } = relation;
  const own = where === undefined ? undefined : checked(where);
  const ofTenant =
    tenant === undefined
      ? []
      : [
          `toString(${expressionOf(relation, tenant.name, given(columnNames.keyOf(tenant.name)))}) = $${given(tenantId)}`,
        ];
  const exact = where === undefined || isExact(relation, where);
  return { conditions: [...ofTenant, ...(own === undefined ? [] : [own])], parameters, exact };
}

/** Texts are equal there where they are here; a number may be kept as its digits, or as another kind of number. */
function isExact(relation: Relation, condition: Condition): boolean {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return condition.of.every((part) => isExact(relation, part));
    case 'compare':
      return condition.operator === '=' && relation.columns[condition.column]!.kind === 'text';
    case 'in':
      return relation.columns[condition.column]!.kind === 'text';
    default:
      return false;
  }
}
