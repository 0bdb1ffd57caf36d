/** What a Neo4j holds. Nodes have no schema: some of each label tell the columns, and constraints the unique ones. */
import neo4j from 'neo4j-driver';
import type { Catalog, CatalogColumn, CatalogForeignKey, CatalogTable, ValueKind } from '../../driver.ts';
import { columnNames, ELEMENT_ID, END_ID, quoted, START_ID, type Ask } from './names.ts';
import { kindOf } from './values.ts';

type Properties = Record<string, unknown>;

export async function introspect(ask: Ask, sampled: number): Promise<Catalog> {
  const limit = { limit: neo4j.int(sampled) };
  const uniques = await uniquesOf(ask);
  const tables: CatalogTable[] = [];
  const labels = await namesOf(ask, 'CALL db.labels() YIELD label AS name RETURN name ORDER BY name');
  for (const label of labels) {
    const pattern = `MATCH (n:${quoted(label)})`;
    const rows = await ask(`${pattern} RETURN properties(n) AS p LIMIT $limit`, limit);
    const sets = (uniques.get(`NODE ${label}`) ?? []).map((keys) => keys.map(columnNames.columnOf));
    tables.push(
      await tableOf(ask, label, pattern, [idColumn('node')], rows.map(({ p }) => p as Properties), { sets, foreignKeys: [], what: 'nodes' }), // prettier-ignore
    );
  }
  const types = await namesOf(
    ask,
    'CALL db.relationshipTypes() YIELD relationshipType AS name RETURN name ORDER BY name',
  );
  for (const type of types) {
    const pattern = `MATCH ()-[n:${quoted(type)}]->()`;
    const rows = await ask(
      `MATCH (a)-[n:${quoted(type)}]->(b) WITH a, n, b LIMIT $limit RETURN properties(n) AS p, properties(a) AS a, properties(b) AS b, labels(a) AS from, labels(b) AS to`,
      limit,
    );
    if (rows.length === 0) continue;
    const ends = [START_ID, END_ID].map((name, index) => idColumn(index === 0 ? 'node that it leads from' : 'node that it leads to', name)); // prettier-ignore
    const foreignKeys = (['from', 'to'] as const).flatMap((end, index): CatalogForeignKey[] => {
      const common = labels.find((label) => rows.every((row) => (row[end] as string[]).includes(label)));
      return common === undefined
        ? []
        : [{ columns: [[START_ID, END_ID][index]!], to: common, toColumns: [ELEMENT_ID] }];
    });
    const own = rows.map(({ p, a, b }) => withShared(rows, p as Properties, a as Properties, b as Properties));
    tables.push(
      await tableOf(ask, type, pattern, [idColumn('relationship'), ...ends], own, { sets: [], foreignKeys, what: 'relationships' }), // prettier-ignore
    );
  }
  return { tables, enums: [], typeless: true };
}

/** Names that Cypher would read otherwise than they are written are left out. */
const namesOf = async (ask: Ask, cypher: string): Promise<string[]> =>
  (await ask(cypher, {})).map(({ name }) => String(name)).filter((name) => !name.includes('\\'));

/** What both ends have of the same in every relationship, such as a tenant, is the relationship's too. */
function withShared(rows: Record<string, unknown>[], own: Properties, from: Properties, to: Properties): Properties {
  const shared = Object.keys(from).filter((key) =>
    rows.every(({ p, a, b }) => {
      const [one, other] = [(a as Properties)[key], (b as Properties)[key]];
      return one !== undefined && other !== undefined && !(key in (p as Properties)) && String(one) === String(other);
    }),
  );
  return { ...Object.fromEntries(shared.map((key) => [key, to[key]])), ...own };
}

const idColumn = (what: string, name = ELEMENT_ID): CatalogColumn => ({
  name,
  kind: 'id',
  native: 'element id',
  list: false,
  nullable: false,
  comment: `The element id of the ${what}.`,
});

async function tableOf(
  ask: Ask,
  name: string,
  pattern: string,
  own: readonly CatalogColumn[],
  sample: readonly Properties[],
  {
    sets,
    foreignKeys,
    what,
  }: { sets: readonly (readonly string[])[]; foreignKeys: readonly CatalogForeignKey[]; what: string },
): Promise<CatalogTable> {
  const [counted] = await ask(`${pattern} RETURN count(n) AS count`, {});
  const keys = [...new Set(sample.flatMap((properties) => Object.keys(properties)))].sort();
  const columns = keys.map((key): CatalogColumn => {
    const found = sample.map((properties) => properties[key]).filter((value) => value !== undefined && value !== null);
    const share = Math.round((found.length / sample.length) * 100);
    return {
      name: columnNames.columnOf(key),
      ...typeOf(found),
      nullable: true,
      comment: `The property \`${key}\`: ${share} % of the ${sample.length} ${what} looked at have it.`,
    };
  });
  const known = new Set(columns.map((column) => column.name));
  return {
    id: name,
    schema: 'graph',
    name,
    kind: 'collection',
    columns: [...own, ...columns],
    key: [ELEMENT_ID],
    uniques: [[ELEMENT_ID], ...sets.filter((set) => set.every((column) => known.has(column)))],
    foreignKeys,
    rows: Number(String(counted!['count'])),
  };
}

/** What has values of several kinds is JSON. */
function typeOf(values: readonly unknown[]): Pick<CatalogColumn, 'kind' | 'native' | 'list'> {
  const list = values.length > 0 && values.every(Array.isArray);
  const kinds = new Set<ValueKind>(
    (list ? (values as unknown[][]).flat() : values).map((value) => (Array.isArray(value) ? 'json' : kindOf(value))),
  );
  if (kinds.has('float')) kinds.delete('bigint');
  const kind = kinds.size === 1 ? [...kinds][0]! : 'json';
  return { kind, native: kind, list: list && kind !== 'json' };
}

async function uniquesOf(ask: Ask): Promise<Map<string, string[][]>> {
  const found = new Map<string, string[][]>();
  const rows = await ask('SHOW CONSTRAINTS YIELD type, entityType, labelsOrTypes, properties', {});
  for (const { type, entityType, labelsOrTypes, properties } of rows) {
    if (!/UNIQUENESS|KEY/.test(String(type))) continue;
    const name = `${String(entityType)} ${(labelsOrTypes as string[])[0]}`;
    found.set(name, [...(found.get(name) ?? []), properties as string[]]);
  }
  return found;
}
