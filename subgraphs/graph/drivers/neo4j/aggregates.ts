/** The statements of aggregates of entities and relations. */
import type { AggregateRequest } from '#subgraphs/shared/aggregates/aggregate.ts';
import type { AggregateRow } from '#subgraphs/shared/aggregates/rows.ts';
import { aggregateCypher, type CypherAggregates } from '#subgraphs/shared/neo4j/aggregates.ts';
import type { AggregatedItems, ENTITY_KINDS, RELATION_KINDS } from '../../driver.ts';
import { conditionCypher, nameOf, nameOrder, ordered, type FilteredText, type Statement } from './find.ts';

const ENTITIES: Readonly<Record<keyof typeof ENTITY_KINDS, FilteredText>> = {
  id: { text: 'e.id' },
  name: { text: 'e.name', order: 'e.nameOrder' },
  kind: { text: 'e.kind' },
};
const RELATIONS: Readonly<Record<keyof typeof RELATION_KINDS, FilteredText>> = {
  id: { text: 'r.id' },
  type: { text: 'type(r)' },
  fromId: { text: 'f.id' },
  fromName: { text: 'f.name', order: 'f.nameOrder' },
  fromKind: { text: 'f.kind' },
  toId: { text: 't.id' },
  toName: { text: 't.name', order: 't.nameOrder' },
  toKind: { text: 't.kind' },
};
const columnsOf = (what: AggregatedItems): Readonly<Record<string, FilteredText>> =>
  what === 'entities' ? ENTITIES : RELATIONS;

/** The statement of `aggregate`. */
export function aggregateStatement(what: AggregatedItems, { where, ...request }: AggregateRequest): Statement {
  const columns = columnsOf(what);
  const parameters: Record<string, unknown> = what === 'entities' ? { name: '' } : {};
  const condition = where === undefined ? 'true' : conditionCypher(where, parameters, (column) => columns[column]!);
  const rows =
    what === 'entities'
      ? `${ordered('>=')} AND (${condition})`
      : `MATCH (f:TributaryEntity {tenantId: $tenantId})-[r]->(t:TributaryEntity {tenantId: $tenantId}) WHERE r.tenantId = $tenantId AND (${condition})`;
  const made = (column: string): string => columns[column]!.order ?? columns[column]!.text;
  const dialect: CypherAggregates = {
    key: ({ column }) => made(column),
    measured: made,
    operand(measure, value) {
      if (measure.kind === 'count' || measure.kind === 'distinct') return Number(value);
      return columns[measure.column]!.order === undefined ? value : nameOrder(String(value));
    },
  };
  return { cypher: aggregateCypher(dialect, request, rows, parameters), parameters };
}

/** A text of a column as it was, of what the statement answers. */
export const textIn =
  (what: AggregatedItems) =>
  (column: string, value: unknown): unknown =>
    columnsOf(what)[column]!.order === undefined ? value : nameOf(String(value));

/** Counts as texts of digits. */
export const rowOf = (row: AggregateRow): AggregateRow =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'number' ? String(value) : value]),
  );
