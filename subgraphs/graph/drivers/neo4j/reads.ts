/** Reads from Neo4j: one statement each, whatever many ids they are given. */
import { parseExactJson } from '#subgraphs/shared/exact-number.ts';
import neo4j from 'neo4j-driver';
import { aggregatedOf, type AggregateRow } from '#subgraphs/shared/aggregates/rows.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { RELATION_TYPE } from '../../driver.ts';
import type {
  Direction,
  Entity,
  Facet,
  GraphReads,
  Properties,
  Relation,
  RelationOfEntity,
  RelationSelection,
  Step,
} from '../../driver.ts';
import { contentsOf, countsOf, groupedBy, reading } from '../grouping.ts';
import { aggregateStatement, rowOf, textIn } from './aggregates.ts';
import type { Query } from './query.ts';
import { countStatement, ENTITY, filterCypher, findStatement, matchingStatement, nameOrder } from './find.ts';

/** An entity as statements return it: properties as the JSON text that is stored. */
type EntityRow = Omit<Entity, 'properties'> & { properties: string };
type RelationRow = Omit<Relation, 'properties'> & { properties: string };

const toEntity = ({ id, name, kind, properties }: EntityRow): Entity => ({
  id,
  name,
  kind,
  properties: parseExactJson(properties) as Properties,
});
const toRelation = ({ id, type, from, to, properties }: RelationRow): Relation => ({
  id,
  type,
  from,
  to,
  properties: parseExactJson(properties) as Properties,
});

export function neo4jReads(
  read: <T>(context: RequestContext, work: (query: Query) => Promise<T>) => Promise<T>,
): GraphReads {
  const rowsOf = <Row>(context: RequestContext, cypher: string, parameters: Record<string, unknown>): Promise<Row[]> =>
    read(context, (query) => query<Row>(cypher, parameters));

  const facets: GraphReads['facets'] = (context, what, limit) =>
    rowsOf<Facet>(
      context,
      what === 'kinds'
        ? 'MATCH (e:TributaryEntity {tenantId: $tenantId}) RETURN e.kind AS name, count(e) AS count ORDER BY count DESC, name LIMIT $limit'
        : `MATCH (:TributaryEntity {tenantId: $tenantId})-[r]->(:TributaryEntity {tenantId: $tenantId}) WHERE r.tenantId = $tenantId
           RETURN type(r) AS name, count(r) AS count ORDER BY count DESC, name LIMIT $limit`,
      { limit: neo4j.int(limit) },
    );

  return {
    async entitiesByIds(context, ids) {
      if (ids.length === 0) return new Map();
      const rows = await rowsOf<EntityRow>(
        context,
        `MATCH (e:TributaryEntity {tenantId: $tenantId}) WHERE e.id IN $ids RETURN ${ENTITY('e')}`,
        { ids },
      );
      return new Map(rows.map((row) => [row.id, toEntity(row)]));
    },

    async findEntities(context, where, page) {
      const { cypher, parameters } = findStatement(where, page);
      return (await rowsOf<EntityRow>(context, cypher, parameters)).map(toEntity);
    },

    async countEntities(context, where) {
      const { cypher, parameters } = countStatement(where);
      return (await rowsOf<{ count: number }>(context, cypher, parameters))[0]?.count ?? 0;
    },

    async aggregate(context, what, request) {
      const { cypher, parameters } = aggregateStatement(what, request);
      const rows = await rowsOf<AggregateRow>(context, cypher, parameters);
      return aggregatedOf(textIn(what), request, rows.map(rowOf));
    },

    async matching(context, entities, where) {
      if (entities.length === 0) return new Set();
      const { cypher, parameters } = matchingStatement(where, entities);
      return new Set((await rowsOf<{ id: string }>(context, cypher, parameters)).map(({ id }) => id));
    },

    names: async (context, what, limit) => (await facets(context, what, limit)).map(({ name }) => name),

    facets,

    async countRelationsOf(context, entities, selection, where) {
      if (entities.length === 0 || selection.types?.length === 0) return new Map();
      const parameters: Record<string, unknown> = { entities };
      const condition = filterCypher(where, parameters, 'm');
      const side = (direction: 'OUT' | 'IN'): string =>
        `WITH n MATCH ${pattern(direction, selection)}
         WHERE r.tenantId = $tenantId ${direction === 'IN' && selection.direction === 'BOTH' ? 'AND m <> n' : ''} AND (${condition})
         RETURN count(r) AS found`;
      const rows = await rowsOf<{ id: string; count: number }>(
        context,
        `UNWIND $entities AS source
         MATCH (n:TributaryEntity {tenantId: $tenantId, id: source})
         CALL { ${sides(selection.direction, side)} }
         RETURN source AS id, sum(found) AS count`,
        parameters,
      );
      return countsOf(rows.filter(({ count }) => count > 0));
    },

    async relationsOf(context, entities, selection, { limit, after, backward = false }, where) {
      const parameters: Record<string, unknown> = {
        entities,
        limit: neo4j.int(limit),
        type: after?.[0],
        name: after && nameOrder(after[1]),
        id: after?.[2],
      };
      const condition = where === undefined ? '' : `AND (${filterCypher(where, parameters, 'm')})`;
      if (entities.length === 0 || selection.types?.length === 0) return new Map();
      const { past, way, isPast } = reading(backward);
      const side = (direction: 'OUT' | 'IN'): string => {
        // Within one (type, name, id), IN comes before OUT.
        const comparison = after && isPast(direction, after[3]) ? `${past}=` : past;
        const behind = after
          ? `AND (type(r) ${past} $type OR (type(r) = $type AND (m.nameOrder ${past} $name OR (m.nameOrder = $name AND m.id ${comparison} $id))))`
          : '';
        return `WITH n MATCH ${pattern(direction, selection)}
          WHERE r.tenantId = $tenantId ${direction === 'IN' && selection.direction === 'BOTH' ? 'AND m <> n' : ''} ${behind} ${condition}
          RETURN r, m, '${direction}' AS direction ORDER BY type(r) ${way}, m.nameOrder ${way}, m.id ${way} LIMIT $limit`;
      };
      const rows = await rowsOf<EntityRow & { source: string; direction: 'OUT' | 'IN'; relation: RelationRow }>(
        context,
        `UNWIND $entities AS source
         MATCH (n:TributaryEntity {tenantId: $tenantId, id: source})
         CALL {
           WITH n
           CALL { ${sides(selection.direction, side)} }
           RETURN r, m, direction ORDER BY type(r) ${way}, m.nameOrder ${way}, m.id ${way}, direction ${way} LIMIT $limit
         }
         RETURN source, direction, ${ENTITY('m')},
           {id: r.id, type: type(r), from: startNode(r).id, to: endNode(r).id, properties: r.properties} AS relation
         ORDER BY source, type(r) ${way}, m.nameOrder ${way}, id ${way}, direction ${way}`,
        parameters,
      );
      return groupedBy(
        rows,
        (row) => row.source,
        (row): RelationOfEntity => ({
          relation: toRelation(row.relation),
          direction: row.direction,
          node: toEntity(row),
        }),
      );
    },

    async relationsByIds(context, ids) {
      if (ids.length === 0) return new Map();
      const rows = await rowsOf<RelationRow>(
        context,
        `MATCH (x:TributaryRelation {tenantId: $tenantId}) WHERE x.id IN $ids
         MATCH (a:TributaryEntity {tenantId: $tenantId, id: x.from})
         MATCH (b:TributaryEntity {tenantId: $tenantId, id: x.to})
         MATCH (a)-[r]->(b) WHERE r.id = x.id
         RETURN r.id AS id, type(r) AS type, x.from AS from, x.to AS to, r.properties AS properties`,
        { ids },
      );
      return new Map(rows.map((row) => [row.id, toRelation(row)]));
    },

    async expandFrontier(context, nodes, selection, maxRows) {
      if (nodes.length === 0 || selection.types?.length === 0) return { steps: [], cut: false };
      const side = (direction: 'OUT' | 'IN'): string =>
        `WITH n MATCH ${pattern(direction, selection)} WHERE r.tenantId = $tenantId AND m <> n
         RETURN r, m, '${direction}' AS direction ORDER BY type(r), m.nameOrder, m.id LIMIT $limit`;
      const steps = await rowsOf<Step>(
        context,
        `UNWIND range(0, size($nodes) - 1) AS position
         MATCH (n:TributaryEntity {tenantId: $tenantId, id: $nodes[position]})
         CALL { ${sides(selection.direction, side)} }
         WITH position, n, r, m, direction ORDER BY position, type(r), m.nameOrder, m.id, direction LIMIT $limit
         RETURN n.id AS node, m.id AS other, m.name AS otherName, r.id AS relation`,
        { nodes, limit: neo4j.int(maxRows + 1) },
      );
      return { steps: steps.slice(0, maxRows), cut: steps.length > maxRows };
    },

    async documentEntities(context, documents, kinds, { limit, after, backward = false }) {
      if (documents.length === 0) return new Map();
      const { past, way } = reading(backward);
      const rows = await rowsOf<EntityRow & { document: string; position: number }>(
        context,
        `UNWIND $documents AS document
         MATCH (d:TributaryDocument {tenantId: $tenantId, id: document})
         CALL {
           WITH d
           MATCH (d)-[m:TRIBUTARY_MENTIONS]->(e:TributaryEntity {tenantId: $tenantId})
           WHERE true ${kinds ? 'AND e.kind IN $kinds' : ''}
             ${after ? `AND (m.position ${past} $position OR (m.position = $position AND e.id ${past} $id))` : ''}
           RETURN m, e ORDER BY m.position ${way}, e.id ${way} LIMIT $limit
         }
         RETURN document, m.position AS position, ${ENTITY('e')} ORDER BY document, position ${way}, id ${way}`,
        { documents, kinds, limit: neo4j.int(limit), position: after?.[0], id: after?.[1] },
      );
      return groupedBy(
        rows,
        (row) => row.document,
        (row) => ({ position: row.position, entity: toEntity(row) }),
      );
    },

    async countDocumentEntities(context, documents, kinds) {
      if (documents.length === 0) return new Map();
      const rows = await rowsOf<{ id: string; count: number }>(
        context,
        `UNWIND $documents AS document
         MATCH (:TributaryDocument {tenantId: $tenantId, id: document})-[m:TRIBUTARY_MENTIONS]->(e:TributaryEntity {tenantId: $tenantId})
         ${kinds ? 'WHERE e.kind IN $kinds' : ''}
         RETURN document AS id, count(m) AS count`,
        { documents, kinds },
      );
      return countsOf(rows);
    },

    async documentIds(context, after, limit) {
      const rows = await rowsOf<{ id: string }>(
        context,
        'MATCH (d:TributaryDocument {tenantId: $tenantId}) WHERE d.id > $after RETURN d.id AS id ORDER BY id LIMIT $limit',
        { after: after ?? '', limit: neo4j.int(limit) },
      );
      return rows.map(({ id }) => id);
    },

    async documentContents(context, documents) {
      if (documents.length === 0) return new Map();
      const rows = await rowsOf<{ document: string; entity: string | null; relation: string | null }>(
        context,
        `MATCH (d:TributaryDocument {tenantId: $tenantId})-[:TRIBUTARY_MENTIONS|TRIBUTARY_ASSERTS]->(x) WHERE d.id IN $documents
         RETURN d.id AS document, CASE WHEN x:TributaryEntity THEN x.id END AS entity, CASE WHEN x:TributaryRelation THEN x.id END AS relation`,
        { documents },
      );
      return contentsOf(rows);
    },

    async storedItems(context, entities, relations) {
      const rows = await rowsOf<{ id: string; properties: string; byHand: boolean }>(
        context,
        `MATCH (e:TributaryEntity {tenantId: $tenantId}) WHERE e.id IN $entities
         RETURN e.id AS id, e.properties AS properties, e.byHand AS byHand
         UNION ALL
         MATCH (x:TributaryRelation {tenantId: $tenantId}) WHERE x.id IN $relations
         MATCH (a:TributaryEntity {tenantId: $tenantId, id: x.from})
         MATCH (b:TributaryEntity {tenantId: $tenantId, id: x.to})
         MATCH (a)-[r]->(b) WHERE r.id = x.id
         RETURN x.id AS id, r.properties AS properties, x.byHand AS byHand`,
        { entities, relations },
      );
      return new Map(
        rows.map(({ id, properties, byHand }) => [
          id,
          { properties: parseExactJson(properties) as Properties, byHand },
        ]),
      );
    },

    async documentsOf(context, entities, relations, limit) {
      const rows = await rowsOf<{ id: string; document: string }>(
        context,
        `UNWIND $entities AS id
         MATCH (e:TributaryEntity {tenantId: $tenantId, id: id})
         CALL { WITH e MATCH (e)<-[:TRIBUTARY_MENTIONS]-(d:TributaryDocument {tenantId: $tenantId}) RETURN d.id AS document ORDER BY document LIMIT $limit }
         RETURN id, document
         UNION ALL
         UNWIND $relations AS id
         MATCH (x:TributaryRelation {tenantId: $tenantId, id: id})
         CALL { WITH x MATCH (x)<-[:TRIBUTARY_ASSERTS]-(d:TributaryDocument {tenantId: $tenantId}) RETURN d.id AS document ORDER BY document LIMIT $limit }
         RETURN id, document`,
        { entities, relations, limit: neo4j.int(limit) },
      );
      return groupedBy(
        rows,
        ({ id }) => id,
        ({ document }) => document,
      );
    },

    async entityDocuments(context, entities, { limit, after, backward = false }) {
      if (entities.length === 0) return new Map();
      const { past, way } = reading(backward);
      const rows = await rowsOf<{ entity: string; document: string }>(
        context,
        `UNWIND $entities AS entity
         MATCH (e:TributaryEntity {tenantId: $tenantId, id: entity})
         CALL {
           WITH e
           MATCH (e)<-[:TRIBUTARY_MENTIONS]-(d:TributaryDocument {tenantId: $tenantId})
           ${after ? `WHERE d.id ${past} $id` : ''}
           RETURN d ORDER BY d.id ${way} LIMIT $limit
         }
         RETURN entity, d.id AS document ORDER BY entity, document ${way}`,
        { entities, limit: neo4j.int(limit), id: after?.[0] },
      );
      return groupedBy(
        rows,
        (row) => row.entity,
        (row) => row.document,
      );
    },

    async countEntityDocuments(context, entities) {
      if (entities.length === 0) return new Map();
      const rows = await rowsOf<{ id: string; count: number }>(
        context,
        `UNWIND $entities AS entity
         MATCH (:TributaryEntity {tenantId: $tenantId, id: entity})<-[m:TRIBUTARY_MENTIONS]-(:TributaryDocument {tenantId: $tenantId})
         RETURN entity AS id, count(m) AS count`,
        { entities },
      );
      return countsOf(rows);
    },
  };
}

/**
 * Quotes relation types into Cypher. The pattern was checked at the edge; here it is what stands between input and
 * code.
 */
export function quotedTypes(types: readonly string[]): string {
  for (const type of types)
    if (!RELATION_TYPE.test(type)) throw new Error('A relation type reached the store unchecked.');
  return types.map((type) => `\`${type}\``).join('|');
}

function pattern(direction: 'OUT' | 'IN', { types }: RelationSelection): string {
  const relation = `[r${types === null ? '' : `:${quotedTypes(types)}`}]`;
  return `(n)${direction === 'OUT' ? `-${relation}->` : `<-${relation}-`}(m:TributaryEntity {tenantId: $tenantId})`;
}

const sides = (direction: Direction, side: (direction: 'OUT' | 'IN') => string): string =>
  direction === 'BOTH' ? `${side('OUT')} UNION ALL ${side('IN')}` : side(direction);
