/** Labels of the Neo4j at TEST_NEO4J_URI as a source; `npm run test:stores -- --only neo4j` starts one. */
import { readFileSync } from 'node:fs';
import { graphql, type GraphQLSchema } from 'graphql';
import neo4j, { type Driver } from 'neo4j-driver';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { SourceDriver } from '#subgraphs/sources/driver.ts';
import { createNeo4jSource } from '#subgraphs/sources/drivers/neo4j/index.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { NEO4J } from '#tests/setup/given-stores.ts';
import { checkGroupedInStore } from './grouped-in-store.ts';
import { askerOf, describeSource } from './sources-driver.ts';
import { describeLists, type ListRow } from './sources-lists.ts';
import { SHOP, STATUS, type FieldKind, type Row, type ShopRows } from './sources-shop.ts';
import { shopOptions } from '#tests/setup/source-options.ts';

const { uri, username, password } = NEO4J;

/** What the file says of the shop: nodes have neither keys nor decimals. */
const TYPES = Object.values(SHOP)
  .map(({ table, key, fields }) => {
    const lines = Object.values(fields).flatMap(([column, kind]) => {
      if (kind === 'enum') return [`          ${column}: { values: [${Object.values(STATUS).join(', ')}] }`];
      return [`          ${column}: { type: ${kind} }`];
    });
    return `      ${table}:\n        key: [${key.map((field) => fields[field]![0]).join(', ')}]\n        columns:\n          elementId: { hide: true }\n${lines.join('\n')}\n`;
  })
  .join('');
const LINKS = `    links:
      - { from: customers.referred_by, to: customers.id, name: referredByCustomer, back: customersByReferredBy }
      - { from: orders.customer_id, to: customers.id, name: customer, back: orders }
      - { from: 'order_lines(shop, order_number)', to: 'orders(shop, number)', name: order, back: orderLines }
`;

function kept(kind: FieldKind, value: Row[string]): unknown {
  if (value === null) return null;
  switch (kind) {
    case 'enum':
      return STATUS[value as string];
    case 'int':
    case 'bigint':
      return neo4j.int(String(value));
    case 'moment':
      return neo4j.types.DateTime.fromString(String(value));
    case 'localMoment':
      return neo4j.types.LocalDateTime.fromString(String(value));
    case 'date':
      return neo4j.types.Date.fromString(String(value));
    default:
      return value;
  }
}

const optionsOf = (changes: object = {}) => shopOptions(urlOf(password), changes);
const urlOf = (word: string): string => uri!.replace('://', `://${username}:${encodeURIComponent(word)}@`);

/** Of a server that other suites use too, these labels. */
const only = (driver: SourceDriver, names: readonly string[]): SourceDriver => ({
  ...driver,
  async introspect(schemas: readonly string[]) {
    const catalog = await driver.introspect(schemas);
    return { ...catalog, tables: catalog.tables.filter(({ name }) => names.includes(name)) };
  },
});

if (!uri) describe.skip('a source: neo4j', () => test('needs TEST_NEO4J_URI', () => undefined));
else {
  const client = (): Driver => neo4j.driver(uri, neo4j.auth.basic(username, password));

  describeSource(
    'neo4j',
    async (tenants) => {
      const writer = client();
      const tables = Object.values(SHOP).map(({ table }) => table);
      for (const [name, { table, fields }] of Object.entries(SHOP))
        for (const [tenant, rows] of Object.entries(tenants)) {
          const made = rows[name as keyof ShopRows].map((row) => ({
            tenant_id: tenant,
            ...Object.fromEntries(
              Object.entries(fields).map(([field, [column, kind]]) => [column, kept(kind, row[field] ?? null)]),
            ),
          }));
          await writer.executeQuery(`UNWIND $made AS row CREATE (n:${table}) SET n = row`, { made });
        }
      const driver = createNeo4jSource(optionsOf());
      return {
        driver: only(driver, tables),
        async [Symbol.asyncDispose]() {
          await driver.close();
          for (const table of tables) await writer.executeQuery(`MATCH (n:${table}) DETACH DELETE n`);
          await writer.close();
        },
      };
    },
    { file: `    types:\n${TYPES}${LINKS}`, joins: false },
  );

  describeLists(
    'neo4j',
    async (rows) => {
      const writer = client();
      const ints = (list: ListRow['counts']) => list && list.map((text) => neo4j.int(text!));
      const made = rows.map(({ counts, ...row }) => ({ ...row, counts: ints(counts) }));
      await writer.executeQuery('UNWIND $made AS row CREATE (n:notes) SET n = row', { made });
      const driver = createNeo4jSource(optionsOf());
      return {
        driver: only(driver, ['notes']),
        async [Symbol.asyncDispose]() {
          await driver.close();
          await writer.executeQuery('MATCH (n:notes) DETACH DELETE n');
          await writer.close();
        },
      };
    },
    { nullItems: false },
  );

  describe('labels as they are found', () => {
    const LABEL = 'Odd "label" ü`; MATCH (x) DETACH DELETE x //';
    const quoted = `\`${LABEL.replaceAll('`', '``')}\``;
    const LABELS = [LABEL, 'SrcPerson', 'SrcFilm', 'SRC_ACTED_IN'];
    const writer = client();
    const driver = only(createNeo4jSource(optionsOf()), LABELS);
    let schema: GraphQLSchema;
    const ask = async (source: string, tenantId = 'acme') => {
      const contextValue = createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [] });
      return JSON.parse(writeJson(await graphql({ schema, source, contextValue }))) as { data: any; errors?: any }; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers
    };

    beforeAll(async () => {
      await writer.executeQuery(
        `CREATE (:${quoted} {tenantId: 'acme', \`we.ird \`\`"$key'\`: 'it’s', mixed: 1, tags: ['a', 'b'], n: 9007199254740993, elementId: 'own', at: datetime('1969-07-20T20:17:40.123456789+01:00[Europe/Berlin]'), place: point({x: 1, y: 2}), f: 0.0 / 0.0})
         CREATE (:${quoted} {tenantId: 'acme', mixed: 'two', tags: [], n: -1, at: datetime('2026-01-31T09:30:00Z'), f: 0.5})
         CREATE (:${quoted} {tenantId: 'other', n: 1})
         CREATE (:${quoted} {n: 1})
         CREATE (ada:SrcPerson {tenantId: 'acme', name: 'Ada'}), (bob:SrcPerson {tenantId: 'acme', name: 'Bob'}), (eve:SrcPerson {tenantId: 'other', name: 'Eve'})
         CREATE (one:SrcFilm {tenantId: 'acme', title: 'One'}), (two:SrcFilm {tenantId: 'acme', title: 'Two'}), (three:SrcFilm {tenantId: 'other', title: 'Three'})
         CREATE (ada)-[:SRC_ACTED_IN {role: 'Lead', startId: 7}]->(one), (ada)-[:SRC_ACTED_IN {role: 'Extra'}]->(two), (bob)-[:SRC_ACTED_IN]->(two), (eve)-[:SRC_ACTED_IN {role: 'Spy'}]->(three)`,
      );
      const file = parseSources(
        `sources:\n  shop:\n    kind: neo4j\n    url: SHOP_URL\n    tenancy: { column: tenantId }\n    types:\n      ${JSON.stringify(LABEL)}: { name: Odd }\n`,
        'sources.yaml',
      );
      schema = buildSchema(buildModel('shop', file, await driver.introspect(['graph'])), driver);
    });
    afterAll(async () => {
      await writer.executeQuery(`MATCH (n:${quoted}|SrcPerson|SrcFilm) DETACH DELETE n`);
      await writer.close();
      await driver.close();
    });

    test('odd names and values are read and filtered by, of the tenant alone', async () => {
      const { data, errors } = await ask(
        '{ odds(orderBy: [{ field: N }]) { totalCount nodes { weIrdKey mixed tags n at place f propertiesElementId } } }',
      );
      expect(errors).toBeUndefined();
      expect(data.odds).toEqual({
        totalCount: 2,
        nodes: [
          { weIrdKey: null, mixed: 'two', tags: [], n: -1, at: '2026-01-31T09:30:00.000Z', place: null, f: 0.5, propertiesElementId: null }, // prettier-ignore
          { weIrdKey: 'it’s', mixed: 1, tags: ['a', 'b'], n: '9007199254740993', at: '1969-07-20T19:17:40.123456Z', place: { srid: 7203, x: 1, y: 2 }, f: null, propertiesElementId: 'own' }, // prettier-ignore
        ],
      });
      const counts = async (where: string, tenantId?: string): Promise<number> =>
        (await ask(`{ odds(where: ${where}) { totalCount } }`, tenantId)).data.odds.totalCount;
      expect(await counts('{ weIrdKey: { eq: "it’s" } }')).toBe(1);
      expect(await counts('{ n: { in: ["9007199254740993", 5] } }')).toBe(1);
      expect(await counts('{ at: { lt: "1970-01-01T00:00:00Z" } }')).toBe(1);
      for (const text of ['`', '\\u0060', "' OR 1=1", '}) MATCH (m', '$w0'])
        expect(await counts(`{ weIrdKey: { eq: ${JSON.stringify(text)} } }`), text).toBe(0);
      expect(await counts('{}', 'other')).toBe(1);
      for (const nobody of ['', 'null', 'ACME']) expect(await counts('{}', nobody), nobody).toBe(0);
    });

    test('groups are made in the store, so that more rows are counted than may be read', async () => {
      const few = only(createNeo4jSource(optionsOf({ scanned: 10 })), ['SrcMany']);
      await writer.executeQuery(
        `UNWIND range(0, 59) AS i CREATE (:SrcMany {tenantId: 'acme', kind: substring('abc', i % 3, 1), n: (i / 3) % 2, at: datetime({epochSeconds: i})})
         WITH count(*) AS made UNWIND range(1, 5) AS i CREATE (:SrcMany {tenantId: 'other', kind: 'a', n: 1})`,
      );
      const file = parseSources(
        'sources:\n  shop:\n    kind: neo4j\n    url: SHOP_URL\n    tenancy: { column: tenantId }\n',
        'sources.yaml',
      );
      const askFew = askerOf(buildSchema(buildModel('shop', file, await few.introspect(['graph'])), few));
      await checkGroupedInStore(askFew, 'srcManiesAggregate');
      await few.close();
      await writer.executeQuery('MATCH (n:SrcMany) DELETE n');
    });

    test('relationships are rows that lead to the nodes at their ends, both ways', async () => {
      const { data, errors } = await ask(
        `{ srcPeople(orderBy: [{ field: NAME }]) { nodes { name srcActedIns(orderBy: [{ field: ROLE }]) { totalCount nodes { role propertiesStartId end { title } } } } }
           played: srcFilms(where: { srcActedIns: { some: { start: { name: { eq: "Bob" } } } } }) { nodes { title } } }`,
      );
      expect(errors).toBeUndefined();
      expect(data).toEqual({
        srcPeople: {
          nodes: [
            {
              name: 'Ada',
              srcActedIns: {
                totalCount: 2,
                nodes: [
                  { role: 'Extra', propertiesStartId: null, end: { title: 'Two' } },
                  { role: 'Lead', propertiesStartId: 7, end: { title: 'One' } },
                ],
              },
            },
            { name: 'Bob', srcActedIns: { totalCount: 1, nodes: [{ role: null, propertiesStartId: null, end: { title: 'Two' } }] } }, // prettier-ignore
          ],
        },
        played: { nodes: [{ title: 'Two' }] },
      });
      expect((await ask('{ srcActedIns { totalCount nodes { role start { name } } } }', 'other')).data).toEqual({
        srcActedIns: { totalCount: 1, nodes: [{ role: 'Spy', start: { name: 'Eve' } }] },
      });
    });

    test('pages by element id go through all', async () => {
      const seen: string[] = [];
      for (let after: string | null = null; ;) {
        const { data } = await ask(
          `{ srcPeople(first: 1${after === null ? '' : `, after: "${after}"`}) { nodes { name } pageInfo { hasNextPage endCursor } } }`,
        );
        seen.push(...data.srcPeople.nodes.map(({ name }: { name: string }) => name));
        if (!data.srcPeople.pageInfo.hasNextPage) break;
        after = data.srcPeople.pageInfo.endCursor;
      }
      expect(seen.sort()).toEqual(['Ada', 'Bob']);
    });

    test('docs/sources.md says what is answered', async () => {
      const page = readFileSync(new URL('../../docs/sources.md', import.meta.url), 'utf8');
      const [, cypher, yaml, query, answer] =
        /## Neo4j[^]*?```cypher\n([^]*?)```[^]*?```yaml\n([^]*?)```\s+```graphql\n([^]*?)```\s+```json\n([^]*?)```/.exec(page)!; // prettier-ignore
      await writer.executeQuery(cypher!);
      const films = only(createNeo4jSource(optionsOf()), ['Actress', 'Movie', 'PLAYED_IN']);
      try {
        const model = buildModel('films', parseSources(yaml!, 'sources.yaml'), await films.introspect(['graph']));
        const contextValue = createRequestContext({ tenantId: 'default', subject: 'test', roles: [], scopes: [] });
        const result = await graphql({ schema: buildSchema(model, films), source: query!, contextValue });
        expect(JSON.parse(writeJson(result))).toEqual(JSON.parse(answer!));
      } finally {
        await films.close();
        await writer.executeQuery('MATCH (n:Actress|Movie) DETACH DELETE n');
      }
    });

    test('more rows than may be looked at, a wrong password and nobody there are told, without the password', async () => {
      const file = parseSources('sources:\n  shop: { kind: neo4j, url: SHOP_URL, tenancy: shared }\n', 'sources.yaml');
      const few = only(createNeo4jSource(optionsOf({ scanned: 2 })), ['SrcPerson']);
      const own = buildSchema(buildModel('shop', file, await few.introspect(['graph'])), few);
      const contextValue = createRequestContext({ tenantId: 'acme', subject: 'test', roles: [], scopes: [] });
      const { errors } = await graphql({ schema: own, source: '{ srcPeople(orderBy: [{ field: NAME }]) { nodes { name } } }', contextValue }); // prettier-ignore
      expect(errors).toMatchObject([{ message: expect.stringMatching(/more than 2 rows of SrcPerson/), extensions: { code: 'QUERY_TOO_COSTLY' } }]); // prettier-ignore
      await few.close();
      for (const [url, told] of [
        [urlOf('s3cret-word'), /user or password: check SHOP_URL/],
        ['bolt://neo4j:s3cret-word@127.0.0.1:1', /runs at SHOP_URL/],
      ] as const) {
        const away = createNeo4jSource(optionsOf({ url: () => url }));
        const error = (await away.introspect(['graph']).catch((reason: unknown) => reason)) as { code: string; extensions: { hint: string } }; // prettier-ignore
        expect(error, url).toMatchObject({ code: 'STORE_UNAVAILABLE' });
        expect(error.extensions.hint).toMatch(told);
        expect(JSON.stringify(await away.health())).not.toContain('s3cret-word');
        await away.close();
      }
      for (const url of ['neo4j://', 'neo4j://[/x'])
        expect(() => createNeo4jSource(optionsOf({ url: () => url }))).toThrow(/URL of the source shop/);
    });
  });
}
