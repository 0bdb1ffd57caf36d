/** Neo4j in every way absent, on the real server of this run. */
import neo4j from 'neo4j-driver';
import { describe, expect, test } from 'vitest';
import { createNeo4jGraph } from '#subgraphs/graph/drivers/neo4j/index.ts';
import { checkNeo4jVersion } from '#subgraphs/shared/neo4j/errors.ts';
import { createGraph } from '#subgraphs/graph/index.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { absences, ask, SECRET, silence, type Absence } from './absent.ts';
import { NEO4J } from '#tests/setup/given-stores.ts';

const { uri, username, password } = NEO4J;
const QUERY = '{ entities(first: 1) { edges { node { id } } } }';
const graph = (
  options: { uri?: string; password?: string; username?: string; database?: string },
  signal?: AbortSignal,
) => ask(createGraph({ neo4j: { uri: uri!, username, password, ...options } }, {}), QUERY, signal);

const everywhere: Absence[] = [
  { how: 'off', attempt: () => ask(createGraph({}, {}), QUERY), code: 'STORE_DISABLED', names: /NEO4J_URI/ },
  {
    how: 'wrong host',
    attempt: () => graph({ uri: 'bolt://no-such-host.invalid:7687', password: SECRET }),
    code: 'STORE_UNAVAILABLE',
    names: /NEO4J_URI/,
  },
  {
    how: 'refused',
    attempt: () => graph({ uri: 'neo4j://127.0.0.1:1', password: SECRET }),
    code: 'STORE_UNAVAILABLE',
    names: /NEO4J_URI/,
  },
  {
    how: 'silent',
    attempt: async () => {
      await using nobody = await silence();
      return await graph({ uri: `bolt://127.0.0.1:${nobody.port}`, password: SECRET });
    },
    code: 'STORE_TIMEOUT',
    names: /NEO4J_URI/,
  },
  {
    how: 'too old',
    attempt: async () => checkNeo4jVersion('Neo4j/4.4.39'),
    code: 'STORE_UNAVAILABLE',
    names: /Neo4j 4\.4\.39 .*NEO4J_URI.*5/,
  },
];
absences('Neo4j', everywhere, password ? [password] : []);

describe.skipIf(!uri)('Neo4j (TEST_NEO4J_URI)', () => {
  const onServer: Absence[] = [
    {
      how: 'wrong password',
      // Of a user that no other suite is: Neo4j shuts out whoever is wrong three times, for all that connect as him.
      attempt: () => graph({ username: 'nobody', password: SECRET }),
      code: 'STORE_UNAVAILABLE',
      names: /NEO4J_USERNAME.*NEO4J_PASSWORD/,
    },
    {
      how: 'missing database',
      attempt: () => graph({ database: 'nowhere' }),
      code: 'STORE_UNAVAILABLE',
      names: /NEO4J_DATABASE/,
    },
    {
      how: 'wrong scheme',
      attempt: () => graph({ uri: uri!.replace('bolt:', 'bolt+s:') }),
      code: 'STORE_UNAVAILABLE',
      names: /NEO4J_URI.*scheme/,
    },
  ];
  absences('Neo4j', onServer, [password]);

  test('a request that ended is not waited for, and its transaction is over on the server too', async () => {
    const tenantId = `abort-${Date.now().toString(36)}`;
    const context = (signal?: AbortSignal) =>
      createRequestContext({ tenantId, subject: 'test', roles: [], scopes: [] }, { signal });
    const driver = createNeo4jGraph({ uri: uri!, username, password });
    const client = neo4j.driver(uri!, neo4j.auth.basic(username, password));
    const entity = (name: string) => [{ name, kind: 'topic', properties: {} }];
    try {
      await driver.upsertEntities(context(), entity('first'));
      // Whoever holds the tenant's node makes its writers wait.
      const session = client.session();
      const holding = await session.beginTransaction();
      await holding.run('MATCH (t:TributaryTenant {tenantId: $tenantId}) SET t.held = true', { tenantId });
      await expect(driver.upsertEntities(context(AbortSignal.timeout(300)), entity('second'))).rejects.toMatchObject({
        code: 'REQUEST_TIMEOUT',
      });
      await holding.rollback();
      await session.close();
      await driver.upsertEntities(context(), entity('third'));
      expect(
        (await driver.findEntities(context(), undefined, { limit: 10, after: null })).map(({ name }) => name),
      ).toEqual(['first', 'third']);
    } finally {
      await client.close();
      await driver.close();
    }
  });
});

test('a version that is new enough passes, and so does another server of the protocol', () => {
  for (const agent of ['Neo4j/5.26.19', 'Neo4j/2025.06.0', 'Memgraph/2.1', undefined])
    expect(() => checkNeo4jVersion(agent)).not.toThrow();
});
