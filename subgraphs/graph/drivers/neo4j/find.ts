/** The statements that find and count entities by a filter. */
import neo4j from 'neo4j-driver';
import { reading } from '../grouping.ts';
import type { EntityFilter, GraphDriver } from '../../driver.ts';
import type { StringFilterShape, IdFilterShape } from '#subgraphs/shared/shared-types.ts';

/** What of an entity statements return. */
export const ENTITY = (variable: string) =>
  `${variable}.id AS id, ${variable}.name AS name, ${variable}.kind AS kind, ${variable}.properties AS properties`;

interface Statement {
  readonly cypher: string;
  readonly parameters: Record<string, unknown>;
}

/**
 * Matches the tenant's entities in their order, from `$name` on, or back from it. A composite index serves only a query that says
 * something of each of its properties, so this does, though every entity has them all: otherwise Neo4j reads the
 * entities of all tenants.
 */
const ordered = (from: '>=' | '<=') =>
  `MATCH (e:TributaryEntity {tenantId: $tenantId}) WHERE e.nameOrder ${from} $name AND e.id IS NOT NULL`;

/**
 * The statement of `findEntities`. It reads no more entries of an index than it answers, where the filter is served by
 * that index.
 */
export function findStatement(
  filter: EntityFilter,
  { limit, after, backward = false }: Parameters<GraphDriver['findEntities']>[2],
): Statement {
  const parameters: Record<string, unknown> = {
    limit: neo4j.int(limit),
    name: after ? nameOrder(after[0]) : '',
    id: after?.[1],
  };
  const condition = entityCondition(filter, parameters);
  // Not `nameOrder > $name OR id > $id`, of which Neo4j makes two searches, each to the end. And what the filter fixes
  // leads the order as it leads the index, or Neo4j does not see that the index has it.
  const { past, way } = reading(backward);
  const behind = after ? `AND CASE WHEN e.nameOrder = $name THEN e.id ${past} $id ELSE true END` : '';
  const keys = ['e.tenantId', ...(typeof filter.kind?.eq === 'string' ? ['e.kind'] : []), 'e.nameOrder', 'e.id'];
  const order = keys.map((key) => `${key} ${way}`).join(', ');
  const cypher = `${ordered(backward && after ? '<=' : '>=')} AND (${condition}) ${behind} RETURN ${ENTITY('e')} ORDER BY ${order} LIMIT $limit`;
  return { cypher, parameters };
}

/** The statement of `countEntities`. */
export function countStatement(filter: EntityFilter): Statement {
  const parameters: Record<string, unknown> = { name: '' };
  const condition = entityCondition(filter, parameters);
  return { cypher: `${ordered('>=')} AND (${condition}) RETURN count(e) AS count`, parameters };
}

/**
 * A text that sorts by code point wherever it is compared: the bytes of the name's UTF-8, one character each. An ASCII
 * name is its own.
 */
export const nameOrder = (name: string): string => Buffer.from(name, 'utf8').toString('latin1');

/** The condition that `filter` puts on the node `e`; adds its values to `parameters`. */
function entityCondition(filter: EntityFilter, parameters: Record<string, unknown>): string {
  const add = (value: unknown): string => {
    const name = `p${Object.keys(parameters).length}`;
    parameters[name] = value;
    return `$${name}`;
  };
  const text = (property: string, condition: StringFilterShape | IdFilterShape | null | undefined): string => {
    if (!condition) return 'true';
    const { eq, in: oneOf, contains, startsWith, not } = condition as StringFilterShape;
    const parts: string[] = [];
    // Names are found by what they sort by, which is indexed and stands for exactly one well-formed name.
    const indexed =
      property === 'e.name' ? { name: 'e.nameOrder', of: nameOrder } : { name: property, of: (value: string) => value };
    if (typeof eq === 'string') parts.push(`${indexed.name} = ${add(indexed.of(eq))}`);
    if (oneOf) parts.push(`${indexed.name} IN ${add(oneOf.map(indexed.of))}`);
    if (typeof contains === 'string') parts.push(`toLower(${property}) CONTAINS toLower(${add(contains)})`);
    if (typeof startsWith === 'string') {
      // For names a range, because Neo4j begins a page where the range and the cursor both allow. No UTF-8 has the byte
      // 255.
      const prefix = indexed.of(startsWith);
      if (property === 'e.name')
        parts.push(`(${indexed.name} >= ${add(prefix)} AND ${indexed.name} < ${add(`${prefix}\u00ff`)})`);
      else parts.push(`${property} STARTS WITH ${add(prefix)}`);
    }
    if (not) parts.push(`NOT (${text(property, not)})`);
    return all(parts);
  };
  const visit = (part: EntityFilter): string =>
    all([
      text('e.id', part.id),
      text('e.name', part.name),
      text('e.kind', part.kind),
      ...(part.and ?? []).map(visit),
      ...(part.or ? [part.or.length === 0 ? 'false' : part.or.map((each) => `(${visit(each)})`).join(' OR ')] : []),
      ...(part.not ? [`NOT (${visit(part.not)})`] : []),
    ]);
  return visit(filter);
}

const all = (conditions: readonly string[]): string => {
  const real = conditions.filter((condition) => condition !== 'true');
  return real.length === 0 ? 'true' : real.map((condition) => `(${condition})`).join(' AND ');
};
