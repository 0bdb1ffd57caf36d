/** The statements that find and count entities by a condition. */
import neo4j from 'neo4j-driver';
import { reading } from '../grouping.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { toJava } from '#subgraphs/shared/filters/pattern.ts';
import type { GraphDriver } from '../../driver.ts';

/** What of an entity statements return. */
export const ENTITY = (variable: string) =>
  `${variable}.id AS id, ${variable}.name AS name, ${variable}.kind AS kind, ${variable}.properties AS properties`;

export interface Statement {
  readonly cypher: string;
  readonly parameters: Record<string, unknown>;
}

/**
 * Matches the tenant's entities in their order, from `$name` on, or back from it. A composite index serves only a query that says
 * something of each of its properties, so this does, though every entity has them all: otherwise Neo4j reads the
 * entities of all tenants.
 */
export const ordered = (from: '>=' | '<=') =>
  `MATCH (e:TributaryEntity {tenantId: $tenantId}) WHERE e.nameOrder ${from} $name AND e.id IS NOT NULL`;

/**
 * The statement of `findEntities`. It reads no more entries of an index than it answers, where the condition is served by
 * that index.
 */
export function findStatement(
  where: Condition | undefined,
  { limit, after, backward = false }: Parameters<GraphDriver['findEntities']>[2],
): Statement {
  const parameters: Record<string, unknown> = {
    limit: neo4j.int(limit),
    name: after ? nameOrder(after[0]) : '',
    id: after?.[1],
  };
  const condition = filterCypher(where, parameters);
  // Not `nameOrder > $name OR id > $id`, of which Neo4j makes two searches, each to the end. And what the condition fixes
  // leads the order as it leads the index, or Neo4j does not see that the index has it.
  const { past, way } = reading(backward);
  const behind = after ? `AND CASE WHEN e.nameOrder = $name THEN e.id ${past} $id ELSE true END` : '';
  const keys = ['e.tenantId', ...(isOfOneKind(where) ? ['e.kind'] : []), 'e.nameOrder', 'e.id'];
  const order = keys.map((key) => `${key} ${way}`).join(', ');
  const cypher = `${ordered(backward && after ? '<=' : '>=')} AND (${condition}) ${behind} RETURN ${ENTITY('e')} ORDER BY ${order} LIMIT $limit`;
  return { cypher, parameters };
}

const isOfOneKind = (where: Condition | undefined): boolean =>
  (where?.kind === 'compare' && where.column === 'kind' && where.operator === '=') ||
  (where?.kind === 'and' && where.of.some(isOfOneKind));

/** The statement of `countEntities`. */
export function countStatement(where: Condition | undefined): Statement {
  const parameters: Record<string, unknown> = { name: '' };
  const condition = filterCypher(where, parameters);
  return { cypher: `${ordered('>=')} AND (${condition}) RETURN count(e) AS count`, parameters };
}

/** The statement of `matching`. */
export function matchingStatement(where: Condition, ids: readonly string[]): Statement {
  const parameters: Record<string, unknown> = { ids };
  const condition = filterCypher(where, parameters);
  return {
    cypher: `MATCH (e:TributaryEntity {tenantId: $tenantId}) WHERE e.id IN $ids AND (${condition}) RETURN e.id AS id`,
    parameters,
  };
}

/**
 * A text that sorts by code point wherever it is compared: the bytes of the name's UTF-8, one character each. An ASCII
 * name is its own.
 */
export const nameOrder = (name: string): string => Buffer.from(name, 'utf8').toString('latin1');

/** What {@link nameOrder} was made of. */
export const nameOf = (order: string): string => Buffer.from(order, 'latin1').toString('utf8');

/** What `where` asks of the node `variable`; see {@link conditionCypher}. */
export const filterCypher = (
  where: Condition | undefined,
  parameters: Record<string, unknown>,
  variable = 'e',
): string =>
  where === undefined
    ? 'true'
    : conditionCypher(where, parameters, (column) => ({
        text: `${variable}.${column}`,
        ...(column === 'name' ? { order: `${variable}.nameOrder` } : {}),
      }));

export interface FilteredText {
  readonly text: string;
  /** Its {@link nameOrder}, where that is kept beside it. */
  readonly order?: string;
}

/** What `where` asks of texts none of which is ever without a value; adds its values to `parameters`. */
export function conditionCypher(
  where: Condition,
  parameters: Record<string, unknown>,
  columnOf: (column: string) => FilteredText,
): string {
  const add = (value: unknown): string => {
    const name = `p${Object.keys(parameters).length}`;
    parameters[name] = value;
    return `$${name}`;
  };
  const visit = (condition: Condition): string => {
    if (condition.kind === 'and' || condition.kind === 'or') {
      if (condition.of.length === 0) return condition.kind === 'and' ? 'true' : 'false';
      return condition.of.map((part) => `(${visit(part)})`).join(condition.kind === 'and' ? ' AND ' : ' OR ');
    }
    if (condition.kind === 'not') return `NOT (${visit(condition.of)})`;
    if (condition.kind === 'json' || condition.kind === 'list' || condition.kind === 'linked')
      throw new Error(`Entities have no filters of this kind: ${condition.kind}.`);
    const { text: property, order } = columnOf(condition.column);
    // Names are found by what they sort by, which is indexed and stands for exactly one well-formed name.
    const indexed =
      order === undefined ? { name: property, of: (value: string) => value } : { name: order, of: nameOrder };
    switch (condition.kind) {
      case 'null':
        return `${property} IS NULL`;
      case 'compare':
        return `${indexed.name} ${condition.operator} ${add(indexed.of(String(condition.value)))}`;
      case 'in':
        return `${indexed.name} IN ${add(condition.values.map((value) => indexed.of(String(value))))}`;
      case 'contains':
        return `toLower(${property}) CONTAINS toLower(${add(condition.text)})`;
      case 'startsWith': {
        // For names a range, because Neo4j begins a page where the range and the cursor both allow. No UTF-8 has the byte
        // 255.
        const prefix = indexed.of(condition.text);
        return order !== undefined
          ? `(${indexed.name} >= ${add(prefix)} AND ${indexed.name} < ${add(`${prefix}\u00ff`)})`
          : `${property} STARTS WITH ${add(prefix)}`;
      }
      case 'endsWith':
        return `${property} ENDS WITH ${add(condition.text)}`;
      case 'matches':
        return `${property} =~ ${add(toJava(condition.pattern))}`;
    }
  };
  return visit(where);
}
