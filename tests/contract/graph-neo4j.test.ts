/** Runs where a Neo4j 5 server is given: TEST_NEO4J_URI, with TEST_NEO4J_USERNAME and TEST_NEO4J_PASSWORD. */
import neo4j from 'neo4j-driver';
import type { Driver, ProfiledPlan } from 'neo4j-driver';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNeo4jGraph } from '#subgraphs/graph/drivers/neo4j/index.ts';
import { quotedTypes } from '#subgraphs/graph/drivers/neo4j/reads.ts';
import { countStatement } from '#subgraphs/graph/drivers/neo4j/find.ts';
import { findStatement } from '#subgraphs/graph/drivers/neo4j/find.ts';
import { entityCondition } from '#subgraphs/graph/input.ts';
import { freshTenant, graphDriverContract } from './graph-driver.ts';
import { NEO4J } from '#tests/setup/given-stores.ts';

const { uri, username, password } = NEO4J;

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

  describe('Neo4j: query plans', () => {
    // Half of the tenants' entities are of one kind, and another tenant has a hundred times as many.
    const write = async (label: string, count: number): Promise<string> => {
      const context = freshTenant(label);
      const driver = createNeo4jGraph({ uri, username, password });
      const entities = Array.from({ length: count }, (_, i) => ({
        name: `name ${i}`,
        kind: i % 2 === 0 ? 'even' : 'odd',
        properties: {},
      }));
      for (let i = 0; i < count; i += 1_000) await driver.upsertEntities(context, entities.slice(i, i + 1_000));
      await driver.close();
      return context.principal.tenantId;
    };
    let tenantId: string;
    let client: Driver;
    beforeAll(async () => {
      client = neo4j.driver(uri, neo4j.auth.basic(username, password));
      tenantId = await write('few', 100);
      await write('many', 10_000);
      await client.executeQuery('CALL db.awaitIndexes(60)');
      await client.executeQuery('CALL db.resampleOutdatedIndexes()');
    });
    afterAll(async () => {
      await client.close();
    });

    /**
     * How many entries of indexes the statement reads to find its rows, how many nodes it scans for them, and whether
     * it sorts.
     */
    const entriesRead = async ({
      cypher,
      parameters,
    }: ReturnType<typeof countStatement>): Promise<{ index: number; other: number; sorts: boolean }> => {
      const { summary } = await client.executeQuery(`PROFILE ${cypher}`, { ...parameters, tenantId });
      const operators = (plan: ProfiledPlan): ProfiledPlan[] => [plan, ...plan.children.flatMap(operators)];
      const all = operators(summary.profile as ProfiledPlan);
      const sum = (pattern: RegExp): number =>
        all.filter(({ operatorType }) => pattern.test(operatorType)).reduce((total, { dbHits }) => total + dbHits, 0);
      return {
        index: sum(/Index/),
        other: sum(/ByLabelScan|AllNodesScan/),
        sorts: all.some(({ operatorType }) => /Sort|Top/.test(operatorType)),
      };
    };

    test('a page reads a page of an index, wherever it begins', async () => {
      for (const filter of [{}, { kind: { eq: 'odd' } }, { name: { startsWith: 'name' } }]) {
        for (const after of [null, ['name 50', 'ent_'] as const]) {
          const read = await entriesRead(findStatement(entityCondition(filter), { limit: 10, after }));
          expect(read, JSON.stringify({ filter, after })).toEqual({
            index: expect.toSatisfy((entries: number) => entries <= 15),
            other: 0,
            sorts: false,
          });
        }
      }
    });

    test("a name is looked up, and counting reads the tenant's own", async () => {
      expect(
        (await entriesRead(findStatement(entityCondition({ name: { eq: 'name 3' } }), { limit: 10, after: null })))
          .index,
      ).toBeLessThanOrEqual(3);
      expect(await entriesRead(countStatement(undefined))).toMatchObject({
        index: expect.toSatisfy((entries: number) => entries <= 101),
        other: 0,
      });
      expect(await entriesRead(countStatement(entityCondition({ kind: { eq: 'odd' } })))).toMatchObject({
        index: expect.toSatisfy((entries: number) => entries <= 51),
        other: 0,
      });
    });
  });

  test('Neo4j: gateways that start together on an empty database all find their schema', async () => {
    const client = neo4j.driver(uri, neo4j.auth.basic(username, password));
    for (const [kind, kinds] of [
      ['CONSTRAINT', 'CONSTRAINTS'],
      ['INDEX', 'INDEXES'],
    ]) {
      const { records } = await client.executeQuery(
        `SHOW ${kinds} YIELD name WHERE name STARTS WITH 'tributary_' RETURN name`,
      );
      for (const record of records) await client.executeQuery(`DROP ${kind} ${record.get('name') as string} IF EXISTS`);
    }
    const drivers = Array.from({ length: 8 }, () => createNeo4jGraph({ uri, username, password }));
    await Promise.all(drivers.map((driver) => driver.entitiesByIds(freshTenant(), ['ent_x'])));
    await Promise.all(drivers.map((driver) => driver.close()));
    const { records } = await client.executeQuery(
      `SHOW INDEXES YIELD name, state WHERE name STARTS WITH 'tributary_' RETURN state`,
    );
    expect(records.map((record) => record.get('state') as string)).toEqual(Array.from({ length: 6 }, () => 'ONLINE'));
    await client.close();
  });

  test('Neo4j: by a routing table (neo4j://), whoever reads sees what was written before', async () => {
    const driver = createNeo4jGraph({ uri: uri.replace(/^bolt/, 'neo4j'), username, password });
    const context = freshTenant();
    for (let n = 1; n <= 10; n++) {
      await driver.upsertEntities(context, [{ name: `e${n}`, kind: 'routed', properties: {} }]);
      expect(await driver.countEntities(context, undefined)).toBe(n);
    }
    expect(await driver.health()).toMatchObject([{ store: 'neo4j', state: 'ok' }]);
    await driver.close();
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
