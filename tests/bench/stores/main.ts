/**
 * `npm run bench:stores [-- --scale 0.1] [--only postgres|neo4j]`: the reads of the contract on stores of a size that
 * matters, through the drivers, one at a time. One million chunks and 100,000 vectors of 384 dimensions in PostgreSQL
 * with pgvector; 200,000 entities and one million relations in PostgreSQL and in Neo4j. Every hundredth row is of a
 * second tenant. Prints tables as docs/performance.md has them.
 */
import { parseArgs } from 'node:util';
import pg from 'pg';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { createPostgresGraph } from '#subgraphs/graph/drivers/postgres/index.ts';
import { createNeo4jGraph } from '#subgraphs/graph/drivers/neo4j/index.ts';
import { AnnRanker } from '#subgraphs/vector/drivers/postgres/ann.ts';
import { ensureVectorExtension } from '#subgraphs/vector/drivers/postgres/extension.ts';
import { PostgresVectors } from '#subgraphs/vector/drivers/postgres/index.ts';
import { createRelational } from '#subgraphs/relational/index.ts';
import { neo4j } from '#tests/stores/provision/neo4j.ts';
import { postgres as postgresStore } from '#tests/stores/provision/postgres.ts';
import { openWorkplace } from '#tests/stores/provision/workplace.ts';
import { loadNeo4j } from './load-neo4j.ts';
import { loadPostgres } from './load-postgres.ts';
import { measure, neo4jPlan, postgresPlan, printed } from './measure.ts';
import { graphReads, relationalReads, vectorReads } from './reads.ts';
import { recall } from './recall.ts';
import { sizesOf } from './sizes.ts';

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '200' },
  },
});
const sizes = sizesOf(Number(values.scale));
const rounds = Number(values.rounds);
const say = (line: string): void => console.error(`${new Date().toISOString().slice(11, 19)}  ${line}`);
const workplace = await openWorkplace(say);
const endings: (() => Promise<void>)[] = [() => workplace.close()];
try {
  say(JSON.stringify(sizes));
  if (values.only !== 'neo4j') await onPostgres();
  if (values.only !== 'postgres') await onNeo4j();
} finally {
  for (const end of endings.reverse()) await end();
}

async function onPostgres(): Promise<void> {
  const server = await postgresStore.start(workplace);
  endings.push(() => server.close());
  const url = server.env['TEST_DATABASE_URL']!;
  const postgres = new Postgres({ url, statementTimeoutMs: 600_000 });
  endings.push(() => postgres.close());
  const relational = await createRelational({}, { postgres });
  for (const subgraph of ['graph', 'vector'])
    await postgres.migrate(subgraph, new URL(`../../../subgraphs/${subgraph}/migrations/`, import.meta.url));
  const home = await ensureVectorExtension(postgres);
  const admin = new pg.Client(url);
  await admin.connect();
  endings.push(() => admin.end());
  await loadPostgres(admin, sizes, home, say);
  const vectors = new PostgresVectors(postgres, 'chunks', { ranker: new AnnRanker(postgres, 'chunks', home) });
  const plan = postgresPlan(admin, postgres);
  console.log(
    printed('PostgreSQL: relational', await measure(relationalReads(relational.schema, sizes), rounds, plan)),
  );
  console.log(printed('PostgreSQL: vector', await measure(vectorReads(vectors, sizes), rounds, plan)));
  console.log(
    printed('PostgreSQL: graph', await measure(graphReads(createPostgresGraph(postgres), sizes), rounds, plan)),
  );
  console.log(await recall(vectors, admin, sizes, home));
}

async function onNeo4j(): Promise<void> {
  const server = await neo4j.start(workplace);
  endings.push(() => server.close());
  const options = {
    uri: server.env['TEST_NEO4J_URI']!,
    username: server.env['TEST_NEO4J_USERNAME']!,
    password: server.env['TEST_NEO4J_PASSWORD']!,
  };
  const driver = createNeo4jGraph(options);
  endings.push(() => driver.close());
  await driver.health();
  await loadNeo4j(options, sizes, say);
  console.log(
    printed(
      'Neo4j: graph',
      await measure(
        graphReads(driver, sizes),
        rounds,
        neo4jPlan(options, (profiled) => graphReads(profiled, sizes)),
      ),
    ),
  );
}
