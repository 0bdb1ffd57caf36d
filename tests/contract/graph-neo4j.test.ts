/** Runs where a Neo4j 5 server is given: TEST_NEO4J_URI, with TEST_NEO4J_USERNAME and TEST_NEO4J_PASSWORD. */
import { describe, expect, test } from 'vitest';
import { createNeo4jGraph } from '#subgraphs/graph/drivers/neo4j.ts';
import { quotedTypes } from '#subgraphs/graph/drivers/neo4j-reads.ts';
import { freshTenant, graphDriverContract } from './graph-driver.ts';

const uri = process.env['TEST_NEO4J_URI'];
const username = process.env['TEST_NEO4J_USERNAME'] ?? 'neo4j';
const password = process.env['TEST_NEO4J_PASSWORD'] ?? '';

if (uri) {
  graphDriverContract('Neo4j', async () => {
    const driver = createNeo4jGraph({ uri, username, password });
    return {
      driver,
      store: 'neo4j',
      // One more for every type of relation beyond the first.
      statementsToIndex: 14,
      [Symbol.asyncDispose]: () => driver.close(),
    };
  });

  describe('Neo4j: actionable errors', () => {
    const read = async (options: Partial<Parameters<typeof createNeo4jGraph>[0]>): Promise<unknown> => {
      const driver = createNeo4jGraph({ uri, username, password, ...options });
      try {
        return await driver.entitiesByIds(freshTenant(), ['ent_x']);
      } finally {
        await driver.close();
      }
    };
    test('name the variable of a wrong password and of a missing database', async () => {
      await expect(read({ password: 'not this one' })).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        extensions: { hint: expect.stringContaining('NEO4J_PASSWORD') },
        cause: expect.any(Error),
      });
      await expect(read({ database: 'nowhere' })).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        extensions: { hint: expect.stringContaining('NEO4J_DATABASE') },
      });
    });
  });
} else {
  test.skip('Neo4j: graph driver (set TEST_NEO4J_URI to run its contract suite)', () => undefined);
}

describe('Neo4j without a server', () => {
  test.each(['bolt://127.0.0.1:1', 'nonsense://127.0.0.1:1', 'no uri at all'])(
    '%s is unavailable, and the hint names NEO4J_URI',
    async (wrong) => {
      const driver = createNeo4jGraph({ uri: wrong, username, password });
      try {
        const failure = await driver.entitiesByIds(freshTenant(), ['ent_x']).catch((error: unknown) => error);
        expect(failure).toMatchObject({
          code: 'STORE_UNAVAILABLE',
          extensions: { hint: expect.stringContaining('NEO4J_URI') },
          cause: expect.any(Error),
        });
        expect(await driver.health()).toMatchObject([{ store: 'neo4j', state: 'down' }]);
      } finally {
        await driver.close();
        await driver.close();
      }
    },
  );

  test('relation types are quoted into Cypher only in their strict form', () => {
    expect(quotedTypes(['A', 'B_2'])).toBe('`A`|`B_2`');
    for (const type of ['a', 'A`', 'A B', '', '1A', 'A|B', 'A\n', `A${'B'.repeat(64)}`])
      expect(() => quotedTypes([type])).toThrow(/unchecked/);
  });
});
