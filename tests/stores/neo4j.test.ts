import neo4j from 'neo4j-driver';
import { describe, expect, test } from 'vitest';

import { NEO4J } from './provision/versions.ts';
import { NEO4J as GIVEN } from '#tests/setup/given-stores.ts';

const { uri, username, password } = GIVEN;

describe.skipIf(!uri)('Neo4j (TEST_NEO4J_URI)', () => {
  test('is the pinned Community edition', async () => {
    const driver = neo4j.driver(uri!, neo4j.auth.basic(username, password));
    try {
      const { records } = await driver.executeQuery(
        `CALL dbms.components() YIELD name, versions, edition WHERE name = 'Neo4j Kernel' RETURN *`,
      );
      expect(records.map((record) => record.toObject())).toEqual([
        { name: 'Neo4j Kernel', versions: [NEO4J.version], edition: 'community' },
      ]);
    } finally {
      await driver.close();
    }
  });

  test('refuses a wrong password', async () => {
    const driver = neo4j.driver(uri!, neo4j.auth.basic(username, 'a guess'));
    try {
      await expect(driver.executeQuery('RETURN 1')).rejects.toMatchObject({
        code: 'Neo.ClientError.Security.Unauthorized',
      });
    } finally {
      await driver.close();
    }
  });
});
