/** The runs subgraph on a database of its own. */
import { createRuns, type RunsConfig } from '#subgraphs/runs/index.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';

export interface RunsFixture extends AsyncDisposable {
  readonly runs: Subgraph;
  readonly postgres: Postgres;
}

export async function createRunsFixture(config: RunsConfig = {}): Promise<RunsFixture> {
  const database = await createTestDatabase();
  const postgres = new Postgres({ url: database.url });
  const runs = await createRuns(config, { postgres });
  return {
    runs,
    postgres,
    async [Symbol.asyncDispose]() {
      await runs.close();
      await postgres.close();
      await database[Symbol.asyncDispose]();
    },
  };
}
