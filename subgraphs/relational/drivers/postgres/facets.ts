/** What documents may be filtered by: counted in one statement. */
import { sql } from 'kysely';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { grouped } from '#subgraphs/shared/grouped.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { DocumentFacets, FacetsRequest } from '../../driver.ts';
import { MODELS, type Model } from '../../models/columns.ts';
import { conditionSql } from './conditions.ts';
import { statement } from './sql.ts';

interface Row {
  facet: 'documents' | 'collection' | 'mediaType' | 'key' | 'value';
  key: string | null;
  value: JsonValue;
  count: string;
}

export async function documentFacets(
  postgres: Postgres,
  context: RequestContext,
  where: Condition | undefined,
  { first, values, documents, valueCharacters }: FacetsRequest,
): Promise<DocumentFacets> {
  const matching = where === undefined ? sql`` : sql`WHERE ${conditionSql(MODELS.Document as Model, where)}`;
  /** The commonest of a column, those that are as common by code point. */
  const commonest = (facet: string, column: string) => sql`
    (SELECT ${facet} AS facet, NULL AS key, to_jsonb(${sql.id(column)}) AS value, count(*) AS count
       FROM matching GROUP BY ${sql.id(column)} ORDER BY count(*) DESC, ${sql.id(column)} COLLATE "C" LIMIT ${first})`;
  const rows = await postgres.read(
    context,
    statement(sql<Row>`
      WITH matching AS MATERIALIZED (
        SELECT collection, media_type, CASE WHEN jsonb_typeof(metadata) = 'object' THEN metadata ELSE '{}' END AS metadata
          FROM relational.documents ${matching} LIMIT ${documents + 1}
      ), pairs AS MATERIALIZED (
        SELECT pair.key, pair.value, jsonb_typeof(pair.value) AS type FROM matching CROSS JOIN LATERAL jsonb_each(metadata) AS pair
      ), keys AS MATERIALIZED (
        SELECT key, count(*) AS count FROM pairs GROUP BY key ORDER BY count(*) DESC, key COLLATE "C" LIMIT ${first}
      ), items AS (
        SELECT key, value FROM pairs WHERE type IN ('string', 'number', 'boolean')
        UNION ALL
        -- What is in a list counts once for each document.
        SELECT key, item FROM pairs CROSS JOIN LATERAL (
          SELECT DISTINCT item FROM jsonb_array_elements(CASE type WHEN 'array' THEN value ELSE '[]' END) AS item
           WHERE jsonb_typeof(item) IN ('string', 'number', 'boolean')
        ) AS listed WHERE type = 'array'
      ), listed AS (
        SELECT key, value, count(*) AS count, row_number() OVER (PARTITION BY key ORDER BY count(*) DESC, value) AS place
          FROM items JOIN keys USING (key) WHERE length(value::text) <= ${valueCharacters + 2} GROUP BY key, value
      )
      SELECT 'documents' AS facet, NULL AS key, NULL::jsonb AS value, count(*) AS count FROM matching
      UNION ALL ${commonest('collection', 'collection')}
      UNION ALL ${commonest('mediaType', 'media_type')}
      UNION ALL (SELECT 'key', key, NULL, count FROM keys ORDER BY count DESC, key COLLATE "C")
      UNION ALL (SELECT 'value', key, value, count FROM listed WHERE place <= ${values} ORDER BY key, place)`),
    { replica: true },
  );
  const of = grouped(rows, ({ facet }) => facet);
  const counted = (list: readonly Row[] = []) => list.map(({ value, count }) => ({ value, count: Number(count) }));
  const names = (list: readonly Row[] = []) =>
    counted(list).map(({ value, count }) => ({ name: value as string, count }));
  const valuesOf = grouped(of.get('value') ?? [], ({ key }) => key);
  const total = Number(of.get('documents')?.[0]?.count ?? 0);
  return {
    documents: Math.min(total, documents),
    truncated: total > documents,
    collections: names(of.get('collection')),
    mediaTypes: names(of.get('mediaType')),
    metadataKeys: (of.get('key') ?? []).map(({ key, count }) => ({
      key: key!,
      count: Number(count),
      values: counted(valuesOf.get(key)),
    })),
  };
}
