/** On a PostgreSQL with pgvector, whose index ranks. */
import { afterAll, describe } from 'vitest';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { testSimilarity } from './similarity.ts';

const url = process.env['TEST_PGVECTOR_URL'];
describe.skipIf(!url)('with TEST_PGVECTOR_URL', () => {
  let database: TestDatabase | undefined;
  afterAll(async () => await database?.[Symbol.asyncDispose]());
  testSimilarity(async () => {
    database = await createTestDatabase(url);
    return { DATABASE_URL: database.url };
  });
});
