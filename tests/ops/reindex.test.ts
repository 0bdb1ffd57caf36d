/** `npm run reindex` on a database, by a model that a server serves, killed in the middle. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createInference } from '#subgraphs/inference/index.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { PostgresVectors } from '#subgraphs/vector/drivers/postgres/index.ts';
import { upsertVectors } from '#subgraphs/vector/indexing/indexing.ts';
import { startStandIn, type StandIn } from '#tests/contract/openai-server.ts';
import { as } from '#tests/contract/vector-driver.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { cleanEnvironment, startProgram } from './program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MIGRATIONS = new URL('../../subgraphs/vector/migrations/', import.meta.url);
const TEXTS = 450;

let database: TestDatabase;
let postgres: Postgres;
let driver: PostgresVectors;
let standIn: StandIn;
let dataDir: string;
beforeAll(async () => {
  database = await createTestDatabase();
  postgres = new Postgres({ url: database.url });
  await postgres.migrate('vector', MIGRATIONS);
  driver = new PostgresVectors(postgres, 'chunks');
  const inference = await createInference({ embeddings: 'hashing-384-v1' }, { usageSink: undefined });
  const items = Array.from({ length: TEXTS }, (_, at) => ({
    chunkId: `chk_${at}`,
    documentId: `doc_${at}`,
    text: `text number ${at}`,
  }));
  await upsertVectors(as('a'), driver, inference.provides.embedder!, items);
  await inference.close();
  standIn = await startStandIn();
  dataDir = await mkdtemp(join(tmpdir(), 'reindex-'));
});
afterAll(async () => {
  await driver?.close();
  await postgres?.close();
  await standIn?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

const reindex = (...args: string[]) =>
  startProgram(process.execPath, ['--import', 'tsx', 'ops/reindex.ts', ...args], {
    cwd: ROOT,
    env: cleanEnvironment({
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      LOG_LEVEL: 'error',
      OPENAI_BASE_URL: standIn.baseUrl,
      OPENAI_API_KEY: standIn.apiKey,
      EMBEDDING_MODEL: standIn.embeddingModel,
    }),
  });
const embedded = () =>
  standIn.requests.flatMap(({ body }) => (Array.isArray(body.input) ? (body.input as string[]) : []));

test('it says what is to be done, goes on where it was killed, and does nothing twice', async () => {
  {
    using look = reindex('--look');
    expect({ code: await look.exited(), output: look.output }).toEqual({
      code: 1,
      output: '450 stored texts are embedded again by test-embedding: hashing-384-v1 embedded them. 0 are done.\n',
    });
  }
  expect(embedded().filter((text) => text !== '.')).toEqual([]);
  {
    using killed = reindex();
    // What comes after a first piece of 200 texts, in requests of 32, is asked for once that is kept.
    const before = standIn.requests.length;
    await standIn.answered(before + 1 + 7 + 1);
    killed.child.kill('SIGKILL');
    await killed.exited();
  }
  const paid = embedded().length;
  expect(await driver.collectionInfo(as('a'))).toMatchObject({ model: 'hashing-384-v1' });
  {
    using again = reindex();
    expect({ code: await again.exited(), output: again.output }).toEqual({
      code: 0,
      output: expect.stringMatching(
        /^450 stored texts .*\. (200|400) are done\.\n(Embedding again \d+\/450\n)+Done: all vectors are of that model\.\n$/,
      ) as string,
    });
    const texts = embedded()
      .slice(paid)
      .filter((text) => text !== '.');
    expect(texts.length).toBeLessThanOrEqual(250);
    expect(new Set(texts).size).toBe(texts.length);
  }
  expect(await driver.collectionInfo(as('a'))).toMatchObject({ model: 'test-embedding', dimensions: 16 });
  {
    using done = reindex();
    expect({ code: await done.exited(), output: done.output }).toEqual({
      code: 0,
      output: 'All vectors are of the model that embeds now.\n',
    });
  }
}, 240_000);

test('where the model cannot be asked it says so, and that nothing is lost', async () => {
  await standIn[Symbol.asyncDispose]();
  using refused = reindex();
  expect({ code: await refused.exited(), output: refused.output }).toEqual({
    code: 2,
    output: expect.stringMatching(/OPENAI_BASE_URL[^]*Running it again goes on where this one was\./) as string,
  });
  expect(refused.output).not.toContain('    at ');
}, 120_000);
