import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { createPostgresGraph } from '#subgraphs/graph/drivers/postgres/index.ts';
import { createGraph } from '#subgraphs/graph/index.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import { graphDriverContract } from './graph-driver.ts';

graphDriverContract('PostgreSQL', async () => {
  const database = await createTestDatabase();
  const postgres = new Postgres({ url: database.url });
  await createGraph({}, { postgres }); // Applies the migrations.
  return {
    driver: createPostgresGraph(postgres),
    store: 'postgres',
    statementsToIndex: 13,
    [Symbol.asyncDispose]: async () => {
      await postgres.close();
      await database[Symbol.asyncDispose]();
    },
  };
});
