/**
 * The graph in PostgreSQL. Reads are one statement each: the ids asked about come in as an array, and a lateral
 * subquery per id reads its slice straight from an index. Tenancy is row-level security's.
 */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type {
  Direction,
  Entity,
  Facet,
  GraphDriver,
  GraphReads,
  Relation,
  RelationOfEntity,
  RelationSelection,
  Step,
  StoredItem,
} from '../../driver.ts';
import { contentsOf, countsOf, groupedBy, reading } from '../grouping.ts';
import { aggregate } from './aggregates.ts';
import { filterSql, Parameters } from './filter.ts';
import { deleteEntities, deleteRelations, indexDocuments, upsertEntities, upsertRelations } from './writes.ts';

/** @param postgres the process's pool, migrated; it is not closed with the driver */
export function createPostgresGraph(postgres: Postgres): GraphDriver {
  return {
    ...reads(postgres),
    upsertEntities: (context, entities) => postgres.transaction(context, (tx) => upsertEntities(context, tx, entities)),
    upsertRelations: (context, relations) =>
      postgres.transaction(context, (tx) => upsertRelations(context, tx, relations)),
    deleteEntities: (context, ids) => postgres.transaction(context, (tx) => deleteEntities(context, tx, ids)),
    deleteRelations: (context, ids) => postgres.transaction(context, (tx) => deleteRelations(context, tx, ids)),
    indexDocuments: (context, documents) =>
      postgres.transaction(context, (tx) => indexDocuments(context, tx, documents)),
    health: async () => [await postgres.health()],
    close: async () => undefined,
  };
}

function reads(postgres: Postgres): GraphReads {
  const read = <Row>(context: RequestContext, sql: string, parameters: readonly unknown[]): Promise<Row[]> =>
    // Reconciling compares what is there now.
    postgres.read<Row>(context, { sql, parameters }, { replica: context.principal.system !== true });

  return {
    async entitiesByIds(context, ids) {
      if (ids.length === 0) return new Map();
      const rows = await read<Entity>(
        context,
        'SELECT id, name, kind, properties FROM graph.entities WHERE id = ANY($1::text[])',
        [ids],
      );
      return new Map(rows.map((row) => [row.id, row]));
    },

    async findEntities(context, where, { limit, after, backward = false }) {
      const { past, way } = reading(backward);
      const p = new Parameters();
      const condition = filterSql(where, p);
      const behind = after ? ` AND (e.name, e.id) ${past} (${p.add(after[0])}, ${p.add(after[1])})` : '';
      return await read<Entity>(
        context,
        `SELECT e.id, e.name, e.kind, e.properties FROM graph.entities e WHERE (${condition})${behind} ORDER BY e.name ${way}, e.id ${way} LIMIT ${p.add(limit)}`,
        p.values,
      );
    },

    async countEntities(context, where) {
      const p = new Parameters();
      const rows = await read<{ count: number }>(
        context,
        `SELECT count(*)::int AS count FROM graph.entities e WHERE ${filterSql(where, p)}`,
        p.values,
      );
      return rows[0]?.count ?? 0;
    },

    aggregate: (context, what, request) => aggregate(postgres, context, what, request),

    async matching(context, entities, where) {
      if (entities.length === 0) return new Set();
      const p = new Parameters();
      const rows = await read<{ id: string }>(
        context,
        `SELECT e.id FROM graph.entities e WHERE e.id = ANY(${p.add(entities)}::text[]) AND (${filterSql(where, p)})`,
        p.values,
      );
      return new Set(rows.map(({ id }) => id));
    },

    async names(context, what, limit) {
      const { table, column } = NAMED[what];
      // Each name is one step down the index, however many things have it.
      const rows = await read<{ name: string }>(
        context,
        `WITH RECURSIVE found AS (
           SELECT min(${column}) AS name, 1 AS place FROM graph.${table}
           UNION ALL
           SELECT (SELECT min(t.${column}) FROM graph.${table} t WHERE t.${column} > found.name), place + 1
           FROM found WHERE found.name IS NOT NULL AND place < $1
         ) SELECT name FROM found WHERE name IS NOT NULL`,
        [limit],
      );
      return rows.map(({ name }) => name);
    },

    async facets(context, what, limit) {
      const { table, column } = NAMED[what];
      return await read<Facet>(
        context,
        `SELECT ${column} AS name, count(*)::int AS count FROM graph.${table} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $1`,
        [limit],
      );
    },

    async countRelationsOf(context, entities, selection, where) {
      if (entities.length === 0) return new Map();
      const p = new Parameters();
      const sources = p.add(entities);
      const side = (direction: 'OUT' | 'IN'): string => {
        const [own, other] = direction === 'OUT' ? ['from', 'to'] : ['to', 'from'];
        return `SELECT r.${own}_id AS source FROM graph.relations r ${joined(other, where, p)}
          WHERE r.${own}_id = ANY(${sources}::text[])${typeCondition(selection, p)}${direction === 'IN' && selection.direction === 'BOTH' ? ' AND r.from_id <> r.to_id' : ''}`;
      };
      const rows = await read<{ id: string; count: number }>(
        context,
        `SELECT source AS id, count(*)::int AS count FROM (${sides(selection.direction, side)}) u GROUP BY source`,
        p.values,
      );
      return countsOf(rows);
    },

    async relationsOf(context, entities, selection, { limit, after, backward = false }, where) {
      if (entities.length === 0) return new Map();
      const { past, way, isPast } = reading(backward);
      const p = new Parameters();
      const sources = p.add(entities);
      const most = p.add(limit);
      const key = after?.slice(0, 3).map((value) => p.add(value));
      const side = (direction: 'OUT' | 'IN'): string => {
        const own = direction === 'OUT' ? 'from' : 'to';
        const other = direction === 'OUT' ? 'to' : 'from';
        // Within one (type, name, id), IN comes before OUT.
        const comparison = after && isPast(direction, after[3]) ? `${past}=` : past;
        return `(SELECT r.id, r.type, r.from_id, r.to_id, r.properties, r.${other}_name AS other_name, r.${other}_id AS other_id, '${direction}' AS direction
          FROM graph.relations r ${joined(other, where, p)}
          WHERE r.${own}_id = s.source${typeCondition(selection, p)}${direction === 'IN' && selection.direction === 'BOTH' ? ' AND r.from_id <> r.to_id' : ''}
            ${key ? `AND (r.type, r.${other}_name, r.${other}_id) ${comparison} (${key.join(', ')})` : ''}
          ORDER BY r.type ${way}, r.${other}_name ${way}, r.${other}_id ${way} LIMIT ${most})`;
      };
      const rows = await read<
        RelationRow & {
          source: string;
          direction: 'OUT' | 'IN';
          name: string;
          kind: string;
          other_id: string;
          node_properties: Entity['properties'];
        }
      >(
        context,
        `SELECT s.source, x.*, e.name, e.kind, e.properties AS node_properties
         FROM unnest(${sources}::text[]) AS s(source)
         CROSS JOIN LATERAL (SELECT * FROM (${sides(selection.direction, side)}) u ORDER BY type ${way}, other_name ${way}, other_id ${way}, direction ${way} LIMIT ${most}) x
         JOIN graph.entities e ON e.id = x.other_id
         ORDER BY s.source, x.type ${way}, x.other_name ${way}, x.other_id ${way}, x.direction ${way}`,
        p.values,
      );
      return groupedBy(
        rows,
        (row) => row.source,
        (row): RelationOfEntity => ({
          relation: toRelation(row),
          direction: row.direction,
          node: { id: row.other_id, name: row.name, kind: row.kind, properties: row.node_properties },
        }),
      );
    },

    async relationsByIds(context, ids) {
      if (ids.length === 0) return new Map();
      const rows = await read<RelationRow>(
        context,
        'SELECT id, type, from_id, to_id, properties FROM graph.relations WHERE id = ANY($1::text[])',
        [ids],
      );
      return new Map(rows.map((row) => [row.id, toRelation(row)]));
    },

    async expandFrontier(context, nodes, selection, maxRows) {
      if (nodes.length === 0) return { steps: [], cut: false };
      const p = new Parameters();
      const frontier = p.add(nodes);
      const most = p.add(maxRows + 1);
      const side = (direction: 'OUT' | 'IN'): string => {
        const own = direction === 'OUT' ? 'from' : 'to';
        const other = direction === 'OUT' ? 'to' : 'from';
        return `(SELECT r.id AS relation, r.type, r.${other}_id AS other, r.${other}_name AS "otherName", '${direction}' AS direction
          FROM graph.relations r
          WHERE r.${own}_id = f.node AND r.from_id <> r.to_id${typeCondition(selection, p)}
          ORDER BY r.type, r.${other}_name, r.${other}_id LIMIT ${most})`;
      };
      // The inner order (kept by OFFSET 0) lets the join stream in the frontier's order and stop at the limit, so the
      // work is bounded by the rows returned and not by the relations there are.
      const steps = await read<Step>(
        context,
        `SELECT f.node, x.other, x."otherName", x.relation
         FROM (SELECT node, position FROM unnest(${frontier}::text[]) WITH ORDINALITY AS u(node, position) ORDER BY position OFFSET 0) f
         CROSS JOIN LATERAL (SELECT * FROM (${sides(selection.direction, side)}) u ORDER BY type, "otherName", other, direction LIMIT ${most}) x
         ORDER BY f.position, x.type, x."otherName", x.other, x.direction LIMIT ${most}`,
        p.values,
      );
      return { steps: steps.slice(0, maxRows), cut: steps.length > maxRows };
    },

    async documentEntities(context, documents, kinds, { limit, after, backward = false }) {
      if (documents.length === 0) return new Map();
      const { past, way } = reading(backward);
      const p = new Parameters();
      const rows = await read<Entity & { document: string; position: number }>(
        context,
        `SELECT d.document, x.*
         FROM unnest(${p.add(documents)}::text[]) AS d(document)
         CROSS JOIN LATERAL (
           SELECT m.position, e.id, e.name, e.kind, e.properties
           FROM graph.mentions m JOIN graph.entities e ON e.id = m.entity_id
           WHERE m.document_id = d.document
             ${kinds ? `AND e.kind = ANY(${p.add(kinds)}::text[])` : ''}
             ${after ? `AND (m.position, m.entity_id) ${past} (${p.add(after[0])}, ${p.add(after[1])})` : ''}
           ORDER BY m.position ${way}, m.entity_id ${way} LIMIT ${p.add(limit)}
         ) x
         ORDER BY d.document, x.position ${way}, x.id ${way}`,
        p.values,
      );
      return groupedBy(
        rows,
        (row) => row.document,
        ({ position, id, name, kind, properties }) => ({ position, entity: { id, name, kind, properties } }),
      );
    },

    async countDocumentEntities(context, documents, kinds) {
      if (documents.length === 0) return new Map();
      const p = new Parameters();
      const rows = await read<{ id: string; count: number }>(
        context,
        `SELECT m.document_id AS id, count(*)::int AS count FROM graph.mentions m
         ${kinds ? `JOIN graph.entities e ON e.id = m.entity_id AND e.kind = ANY(${p.add(kinds)}::text[])` : ''}
         WHERE m.document_id = ANY(${p.add(documents)}::text[]) GROUP BY m.document_id`,
        p.values,
      );
      return countsOf(rows);
    },

    async entityDocuments(context, entities, { limit, after, backward = false }) {
      if (entities.length === 0) return new Map();
      const { past, way } = reading(backward);
      const p = new Parameters();
      const rows = await read<{ entity: string; document_id: string }>(
        context,
        `SELECT s.entity, x.document_id
         FROM unnest(${p.add(entities)}::text[]) AS s(entity)
         CROSS JOIN LATERAL (
           SELECT m.document_id FROM graph.mentions m
           WHERE m.entity_id = s.entity ${after ? `AND m.document_id ${past} ${p.add(after[0])}` : ''}
           ORDER BY m.document_id ${way} LIMIT ${p.add(limit)}
         ) x
         ORDER BY s.entity, x.document_id ${way}`,
        p.values,
      );
      return groupedBy(
        rows,
        (row) => row.entity,
        (row) => row.document_id,
      );
    },

    async countEntityDocuments(context, entities) {
      if (entities.length === 0) return new Map();
      const rows = await read<{ id: string; count: number }>(
        context,
        'SELECT entity_id AS id, count(*)::int AS count FROM graph.mentions WHERE entity_id = ANY($1::text[]) GROUP BY entity_id',
        [entities],
      );
      return countsOf(rows);
    },

    async documentIds(context, after, limit) {
      // Each document's id is one step down the index of either table.
      const steps = (table: string) => `(
        WITH RECURSIVE found AS (
          SELECT min(document_id) AS id, 1 AS place FROM graph.${table} WHERE document_id > $1
          UNION ALL
          SELECT (SELECT min(t.document_id) FROM graph.${table} t WHERE t.document_id > found.id), place + 1
          FROM found WHERE found.id IS NOT NULL AND place < $2
        ) SELECT id FROM found WHERE id IS NOT NULL)`;
      const rows = await read<{ id: string }>(
        context,
        `SELECT id FROM (${steps('mentions')} UNION ${steps('assertions')}) u ORDER BY id LIMIT $2`,
        [after ?? '', limit],
      );
      return rows.map(({ id }) => id);
    },

    async documentContents(context, documents) {
      if (documents.length === 0) return new Map();
      const rows = await read<{ document: string; entity: string | null; relation: string | null }>(
        context,
        `SELECT document_id AS document, entity_id AS entity, NULL AS relation FROM graph.mentions WHERE document_id = ANY($1::text[])
         UNION ALL SELECT document_id, NULL, relation_id FROM graph.assertions WHERE document_id = ANY($1::text[])`,
        [documents],
      );
      return contentsOf(rows);
    },

    async storedItems(context, entities, relations) {
      const rows = await read<StoredItem & { id: string }>(
        context,
        `SELECT id, properties, by_hand AS "byHand" FROM graph.entities WHERE id = ANY($1::text[])
         UNION ALL SELECT id, properties, by_hand FROM graph.relations WHERE id = ANY($2::text[])`,
        [entities, relations],
      );
      return new Map(rows.map(({ id, properties, byHand }) => [id, { properties, byHand }]));
    },

    async documentsOf(context, entities, relations, limit) {
      const of = (table: string, column: string, ids: string) =>
        `SELECT i.id, x.document_id FROM unnest(${ids}::text[]) AS i(id)
         CROSS JOIN LATERAL (SELECT t.document_id FROM graph.${table} t WHERE t.${column} = i.id ORDER BY t.document_id LIMIT $3) x`;
      const rows = await read<{ id: string; document_id: string }>(
        context,
        `${of('mentions', 'entity_id', '$1')} UNION ALL ${of('assertions', 'relation_id', '$2')}`,
        [entities, relations, limit],
      );
      return groupedBy(
        rows,
        ({ id }) => id,
        (row) => row.document_id,
      );
    },
  };
}

/** A row of `relations`. */
export interface RelationRow {
  id: string;
  type: string;
  from_id: string;
  to_id: string;
  properties: Relation['properties'];
}

const toRelation = (row: RelationRow): Relation => ({
  id: row.id,
  type: row.type,
  from: row.from_id,
  to: row.to_id,
  properties: row.properties,
});

/** Where names of each sort are. */
const NAMED = {
  kinds: { table: 'entities', column: 'kind' },
  types: { table: 'relations', column: 'type' },
} as const;

/** Joins the entity at the other end of a relation `r`, where it must match something. */
const joined = (other: string | undefined, where: Condition | undefined, parameters: Parameters): string =>
  where === undefined ? '' : `JOIN graph.entities e ON e.id = r.${other}_id AND (${filterSql(where, parameters)})`;

const sides = (direction: Direction, side: (direction: 'OUT' | 'IN') => string): string =>
  direction === 'BOTH' ? `${side('OUT')} UNION ALL ${side('IN')}` : side(direction);

const typeCondition = ({ types }: RelationSelection, parameters: Parameters): string =>
  types === null ? '' : ` AND r.type = ANY(${parameters.add(types)}::text[])`;
