/** The operator's own graph on a real Neo4j: TEST_NEO4J_URI, with TEST_NEO4J_USERNAME and TEST_NEO4J_PASSWORD. */
import { fileURLToPath } from 'node:url';
import { execute, parse, validate, type GraphQLSchema } from 'graphql';
import neo4j, { type Driver } from 'neo4j-driver';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createGraphModel, type GraphModelSubgraph } from '#subgraphs/graph-model/index.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { probes } from './graph-model/operations.ts';
import { NEO4J } from '#tests/setup/given-stores.ts';

const { uri = '', username, password } = NEO4J;
const FILE = fileURLToPath(new URL('graph-model/films.graphql', import.meta.url));
const unique = Math.random().toString(36).slice(2);
/** Owns 99 % of the nodes. */
const ACME = `acme-${unique}`;
/** Owns 1 %. */
const GLOBEX = `globex-${unique}`;
/** Owns what GLOBEX owns, and has nothing to do with ACME. */
const TWIN = `twin-${unique}`;

describe.skipIf(uri === '')("the operator's own graph on Neo4j (TEST_NEO4J_URI)", () => {
  let client: Driver;
  let subgraph: GraphModelSubgraph;
  let schema: GraphQLSchema;

  const cypher = async (text: string, parameters: Record<string, unknown> = {}) =>
    await client.executeQuery(text, { acme: ACME, globex: GLOBEX, twin: TWIN, ...parameters });

  /** What a tenant is answered, and in how many statements. */
  async function ask(tenantId: string, query: string, variableValues: Record<string, unknown> = {}) {
    const context = createRequestContext({ tenantId, subject: 'u', roles: [], scopes: [] });
    const document = parse(query);
    expect(validate(schema, document).map(({ message }) => message)).toEqual([]);
    const { data, errors } = await execute({ schema, document, variableValues, contextValue: context });
    // graphql-js has null prototypes.
    return {
      ...(JSON.parse(JSON.stringify({ data, errors: errors?.map(({ message }) => message) })) as {
        // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are checked by content
        data: Record<string, any>;
        errors?: string[];
      }),
      statements: context.statements.total,
    };
  }

  const plantSmall = (tenant: string) =>
    cypher(
      `
      CREATE (kim:Person {tenantId: $tenant, name: 'Kim', born: 1970}), (lee:Person {tenantId: $tenant, name: 'Leonard', born: 1980})
      CREATE (one:Movie {tenantId: $tenant, id: 'g1', title: 'One', released: 2001, revenue: 9007199254740993, premiere: datetime('2001-05-01T20:00:00[Europe/Berlin]'), genre: 'DRAMA', scriptId: 'doc_script', subjectIds: ['ent_a', 'ent_b']})
      CREATE (two:Movie {tenantId: $tenant, id: 'g2', title: 'Second', released: 2002, genre: 'COMEDY'})
      CREATE (three:Series {tenantId: $tenant, title: 'Three', released: 2003})
      CREATE (kim)-[:ACTED_IN {role: 'Hero', fee: 10}]->(one), (lee)-[:ACTED_IN {role: 'Villain', fee: 20}]->(one), (lee)-[:ACTED_IN {role: 'Hero', fee: 5}]->(three)
      CREATE (kim)-[:KNOWS]->(lee), (one)-[:RELATED]->(two), (one)-[:RELATED]->(three)`,
      { tenant },
    );

  /**
   * A hundred times as much, and relations that cross tenants both ways, which no driver of ours would make: to what
   * probes guess at.
   */
  const plantAcme = async () => {
    await cypher(`
      UNWIND range(1, 100) AS i
      CREATE (p:Person {tenantId: $acme, name: 'crowd ' + i, born: 1900 + i}), (q:Person {tenantId: $acme, name: 'other ' + i, born: 1950})
      CREATE (m:Movie {tenantId: $acme, id: 'a' + i, title: 'film ' + i, released: 1000 + i, revenue: i, genre: 'DRAMA', scriptId: 'doc_' + i})
      CREATE (n:Movie {tenantId: $acme, id: 'g' + i, title: 'homonym', released: 1}), (s:Series {tenantId: $acme, title: 'series', released: 2})
      CREATE (p)-[:ACTED_IN {role: 'part', fee: 1000}]->(m), (q)-[:ACTED_IN {role: 'part', fee: 1001}]->(s), (p)-[:KNOWS]->(q), (m)-[:RELATED]->(n)`);
    const { records } = await cypher(`
      CREATE (p:Person {tenantId: $acme, name: 'secret', born: 900}), (s:Series {tenantId: $acme, title: 'secret', released: 900})
      CREATE (m:Movie {tenantId: $acme, id: 'secret', title: 'secret', released: 900, revenue: 900, premiere: datetime('2020-01-01T00:00:00Z'), genre: 'DRAMA', scriptId: 'secret', subjectIds: ['secret']})
      CREATE (p)-[:KNOWS]->(p), (m)-[:RELATED]->(m), (m)-[:RELATED]->(s), (p)-[:ACTED_IN {role: 'secret', fee: 900}]->(m), (p)-[:ACTED_IN {role: 'secret', fee: 900}]->(s)
      WITH p, m, s
      MATCH (mine:Person {tenantId: $globex}), (film:Movie {tenantId: $globex}), (series:Series {tenantId: $globex})
      WITH p, m, s, collect(DISTINCT mine) AS people, collect(DISTINCT film) AS films, collect(DISTINCT series) AS serieses
      FOREACH (x IN people | CREATE (x)-[:ACTED_IN {role: 'secret', fee: 900}]->(m), (x)-[:ACTED_IN {role: 'secret', fee: 900}]->(s), (x)-[:KNOWS]->(p), (p)-[:KNOWS]->(x))
      FOREACH (x IN films | CREATE (p)-[:ACTED_IN {role: 'secret', fee: 900}]->(x), (x)-[:RELATED]->(m), (x)-[:RELATED]->(s), (m)-[:RELATED]->(x))
      FOREACH (x IN serieses | CREATE (p)-[:ACTED_IN {role: 'secret', fee: 900}]->(x), (m)-[:RELATED]->(x))
      WITH 1 AS done MATCH ({tenantId: $globex})-[r]-({tenantId: $acme}) RETURN count(r) AS crossing`);
    expect(records[0]!.get('crossing').toNumber()).toBe(18);
  };

  beforeAll(async () => {
    client = neo4j.driver(uri, neo4j.auth.basic(username, password));
    for (const label of ['Movie', 'Person', 'Series'])
      await client.executeQuery(`CREATE INDEX films_${label} IF NOT EXISTS FOR (n:${label}) ON (n.tenantId)`);
    await client.executeQuery('CREATE INDEX films_Movie_id IF NOT EXISTS FOR (n:Movie) ON (n.tenantId, n.id)');
    await client.executeQuery('CALL db.awaitIndexes(60)');
    subgraph = await createGraphModel({ file: FILE, tenantProperty: 'tenantId', neo4j: { uri, username, password } });
    schema = subgraph.schema;
    for (const tenant of [GLOBEX, TWIN]) await plantSmall(tenant);
    await plantAcme();
  });
  afterAll(async () => {
    await cypher('MATCH (n) WHERE n.tenantId IN [$acme, $globex, $twin] DETACH DELETE n');
    for (const name of ['films_Movie', 'films_Person', 'films_Series', 'films_Movie_id'])
      await client.executeQuery(`DROP INDEX ${name} IF EXISTS`);
    await Promise.all([subgraph.close(), client.close()]);
  });

  test('reads nodes, relations and their properties, exactly, in one statement', async () => {
    const answer = await ask(
      GLOBEX,
      `{ films(sort: [{ title: ASC }]) {
           name: title revenue premiere genre script { __typename id } subjects { id }
           related { __typename ... on Film { title } ... on Series { title } }
           actorsConnection(sort: [{ node: { name: DESC } }]) { totalCount edges { properties { ... on ActedIn { role fee } } node { name } } } } }`,
    );
    expect(answer.errors).toBeUndefined();
    const { related, ...one } = answer.data['films'][0];
    expect(one).toEqual({
      name: 'One',
      revenue: '9007199254740993',
      premiere: '2001-05-01T18:00:00.000Z',
      genre: 'DRAMA',
      script: { __typename: 'Document', id: 'doc_script' },
      subjects: [{ id: 'ent_a' }, { id: 'ent_b' }],
      actorsConnection: {
        totalCount: 2,
        edges: [
          { properties: { role: 'Villain', fee: 20 }, node: { name: 'Leonard' } },
          { properties: { role: 'Hero', fee: 10 }, node: { name: 'Kim' } },
        ],
      },
    });
    expect(related).toHaveLength(2);
    expect(related).toEqual(
      expect.arrayContaining([
        { __typename: 'Film', title: 'Second' },
        { __typename: 'Series', title: 'Three' },
      ]),
    );
    expect(answer.data['films'][1]).toMatchObject({ name: 'Second', premiere: null, script: null, subjects: null });
    expect(answer.statements).toBe(1);
  });

  test('filters by relations and aggregates, pages, and reads interfaces', async () => {
    const answer = await ask(
      GLOBEX,
      `query ($where: ModelFilmWhere, $role: String!, $with: Boolean!) {
         byActor: films(where: $where) { title }
         byRole: people(where: { filmsConnection: { some: { edge: { role: { eq: $role } } } } }) { ...P }
         page: filmsConnection(first: 1, sort: [{ released: DESC }]) { totalCount pageInfo { hasNextPage } edges { node { title @include(if: $with) id @skip(if: $with) } } aggregate { node { released { min max } } } }
         productions(sort: [{ title: ASC }]) { __typename title ... on Film { genre } }
       } fragment P on Person { name films { t: title } }`,
      { where: { actors: { some: { knows: { some: { name: { eq: 'Leonard' } } } } } }, role: 'Villain', with: true },
    );
    expect(answer.errors).toBeUndefined();
    expect(answer.data).toEqual({
      byActor: [{ title: 'One' }],
      byRole: [{ name: 'Leonard', films: [{ t: 'One' }] }],
      page: {
        totalCount: 2,
        pageInfo: { hasNextPage: true },
        edges: [{ node: { title: 'Second' } }],
        aggregate: { node: { released: { min: 2001, max: 2002 } } },
      },
      productions: [
        { __typename: 'Film', title: 'One', genre: 'DRAMA' },
        { __typename: 'Film', title: 'Second', genre: 'COMEDY' },
        { __typename: 'Series', title: 'Three' },
      ],
    });
  });

  test('no operation tells one tenant anything of another, relations across tenants or not', async () => {
    const every = probes(schema, { text: 'secret', number: 900 }, 2);
    expect(every.length).toBeGreaterThan(100);
    // Neo4j plans each for longer than it runs it.
    const operations = process.env['TEST_ALL_PROBES'] === undefined ? every.filter((_, i) => i % 4 === 0) : every;
    let told = 0;
    for (const { query, variables } of operations) {
      const answer = await ask(GLOBEX, query, variables);
      expect(answer.errors, query).toBeUndefined();
      expect(JSON.stringify(answer), query).not.toContain('secret');
      // The same as for who owns the same and has no relation to others: what cannot be seen is not counted, compared
      // or sorted by either.
      expect(sorted(answer), `${query} ${JSON.stringify(variables)}`).toEqual(
        sorted(await ask(TWIN, query, variables)),
      );
      // It does ask for something: who has what it guesses at is answered otherwise.
      if (
        Object.keys(variables).length > 0 &&
        JSON.stringify((await ask(ACME, query, variables)).data) !== JSON.stringify(answer.data)
      )
        told += 1;
    }
    expect(told).toBeGreaterThan(operations.length / 2);
  }, 600_000);

  test("answers five hundred references of two tenants' ids in one statement, by the tenant's own", async () => {
    const representations = [
      ...Array.from({ length: 498 }, (_, i) => ({ __typename: 'Film', id: i % 2 === 0 ? `a${i}` : `g${i}` })),
      { __typename: 'Person', name: 'Kim', born: 1970 },
      { __typename: 'Person', name: 'secret', born: 900 },
    ];
    const query =
      'query ($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Film { id t: title actors { name } } ... on Person { born films { title } } } }';
    const { data, errors, statements } = await ask(GLOBEX, query, { r: representations });
    expect(errors).toBeUndefined();
    expect(statements).toBe(2);
    const found = (data['_entities'] as ({ id?: string } | null)[]).flatMap((entity, i) =>
      entity === null ? [] : [[i, entity]],
    );
    expect(found).toEqual([
      [
        1,
        {
          __typename: 'Film',
          id: 'g1',
          t: 'One',
          actors: expect.arrayContaining([{ name: 'Kim' }, { name: 'Leonard' }]),
        },
      ],
      [498, { __typename: 'Person', born: 1970, films: [{ title: 'One' }] }],
    ]);
    const theirs = await ask(ACME, query, { r: representations });
    expect(
      (theirs.data['_entities'] as ({ t?: string } | null)[]).filter(
        (entity) => entity !== null && entity.t === undefined,
      ),
    ).toHaveLength(1);
    expect((theirs.data['_entities'] as ({ t?: string } | null)[])[1]).toMatchObject({ t: 'homonym' });
  });

  test('bounds lists that name no limit, and limits that are too high', async () => {
    await cypher("UNWIND range(1, 1100) AS i CREATE (:Person {tenantId: $acme, name: 'crowd ' + i})");
    expect((await ask(ACME, '{ people { name } }')).data['people']).toHaveLength(100);
    expect((await ask(ACME, '{ people(limit: 100000) { name } }')).data['people']).toHaveLength(1_000);
  });

  test('ends its statement when the client leaves', async () => {
    const gone = new AbortController();
    const context = createRequestContext(
      { tenantId: ACME, subject: 'u', roles: [], scopes: [] },
      { signal: gone.signal },
    );
    gone.abort(new DOMException('gone', 'AbortError'));
    const { errors } = await execute({ schema, document: parse('{ people { name } }'), contextValue: context });
    expect(errors).toMatchObject([{ message: 'gone' }]);
  });

  test('a server that is away, or that refuses the password, is told by its code', async () => {
    for (const [wrong, hint] of [
      [{ uri: 'bolt://127.0.0.1:1', password }, 'NEO4J_URI'],
      [{ uri, password: 'a guess' }, 'NEO4J_PASSWORD'],
    ] as const) {
      const other = await createGraphModel({ file: FILE, tenantProperty: 'tenantId', neo4j: { username, ...wrong } });
      const contextValue = createRequestContext({ tenantId: GLOBEX, subject: 'u', roles: [], scopes: [] });
      const { data, errors } = await execute({
        schema: other.schema,
        document: parse('{ films { title } people { name } }'),
        contextValue,
      });
      expect(data).toEqual({ films: null, people: null });
      expect(errors).toMatchObject(
        [1, 2].map(() => ({
          originalError: { code: 'STORE_UNAVAILABLE', extensions: { hint: expect.stringContaining(hint) } },
        })),
      );
      expect(await other.health()).toMatchObject([{ store: 'neo4j', state: 'down' }]);
      await other.close();
    }
  });

  describe('in the whole server', () => {
    let it: TestServer;
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are checked by content
    const post = async (query: string): Promise<{ data: Record<string, any>; errors?: unknown[] }> => {
      const response = await fetch(`${it.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      });
      return (await response.json()) as never;
    };
    const tenant = `default`;
    beforeAll(async () => {
      it = await startTestServer({
        NEO4J_URI: uri,
        NEO4J_USERNAME: username,
        NEO4J_PASSWORD: password,
        GRAPH_MODEL: FILE,
      });
    });
    afterAll(async () => {
      await cypher('MATCH (n) WHERE n.marker = $marker DETACH DELETE n', { marker: unique });
      await it[Symbol.asyncDispose]();
    });

    test("a node's document and entities are those of the other subgraphs, and the server says that it serves it", async () => {
      const { data } = await post(
        `mutation { upsertDocument(input: { title: "The script of One", source: "one.md", mediaType: "text/plain", text: "INT. NIGHT" }) { document { id } } upsertEntities(input: { entities: [{ name: "Night", kind: "theme" }] }) { entities { id } } }`,
      );
      const documentId = data['upsertDocument'].document.id as string;
      const entityId = data['upsertEntities'].entities[0].id as string;
      await cypher(
        "CREATE (:Movie {tenantId: $tenant, marker: $marker, id: $marker, title: 'One', scriptId: $documentId, subjectIds: [$entityId, 'ent_of_nobody']})",
        { tenant, marker: unique, documentId, entityId },
      );
      const answer = await post(
        `{ films(where: { id: { eq: "${unique}" } }) { title script { title text: chunks(first: 1) { edges { node { text } } } } subjects { id name kind } } }`,
      );
      expect(answer.errors).toBeUndefined();
      expect(answer.data['films']).toEqual([
        {
          title: 'One',
          script: { title: 'The script of One', text: { edges: [{ node: { text: 'INT. NIGHT' } }] } },
          subjects: [
            { id: entityId, name: 'Night', kind: 'theme' },
            { id: 'ent_of_nobody', name: null, kind: null },
          ],
        },
      ]);
      const { supergraph } = (await (await fetch(`${it.url}/health/ready`)).json()) as {
        supergraph: { subgraphs: string[] };
      };
      expect(supergraph.subgraphs).toContain('graph-model');
    });

    test('no field of it writes', async () => {
      const { data } = await post('{ __schema { mutationType { fields { name type { name } } } } }');
      expect(
        (data['__schema'].mutationType.fields as { name: string }[]).filter(({ name }) =>
          /film|person|people|series/i.test(name),
        ),
      ).toEqual([]);
    });
  });
});

/** Without the order of lists that no sort was asked for, and cursors, which count in it: Neo4j promises none. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted).sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, each]) => (/cursor/i.test(key) ? [] : [[key, sorted(each)]])),
    );
  return value;
}
