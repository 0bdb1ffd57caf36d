/** docs/sources/public-schemas.md: each schema is loaded, its file of sources is made by the command, and what is asked is answered as printed. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { graphql } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mergeSource } from '#ops/sources/merge.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { createPostgresSource } from '#subgraphs/sources/drivers/postgres/index.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { blocksOf } from '#tests/e2e/readme/blocks.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import { shopOptions } from '#tests/setup/source-options.ts';
import { cleanEnvironment, startProgram } from './program.ts';

const PAGE = new URL('../../docs/sources/public-schemas.md', import.meta.url);
const page = readFileSync(PAGE, 'utf8');
const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/public-schemas/${name}`, import.meta.url));

/** What is asked under a heading, and what is printed as its answer. */
function asked(heading: string): { query: string; answer: unknown }[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`))!;
  const answers = blocksOf(section, 'json');
  return blocksOf(section, 'graphql').map((query, index) => ({ query, answer: JSON.parse(answers[index]!) }));
}

/** A database with these tables. */
async function loaded(sql: string) {
  const database = await createTestDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query(sql);
  await client.query('VACUUM ANALYZE');
  await client.end();
  return database;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-public-schemas-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('Chinook: the command writes the file', async () => {
  await using database = await loaded(gunzipSync(fixture('chinook.sql.gz')).toString());
  const file = join(folder, 'sources.yaml');
  const [, command] = /npm run sources:init -- (--from DATABASE .*)/.exec(page)!;
  using program = startProgram(
    process.execPath,
    ['--import', 'tsx', 'ops/sources-init.ts', ...command!.split(' '), file],
    { env: cleanEnvironment({ DATABASE: database.url }) },
  );
  expect({ status: await program.exited(), output: program.output }).toEqual({
    status: 0,
    output: expect.stringContaining('11 tables and views of chinook'),
  });
  await answers('Chinook', database.url, { name: 'chinook', text: readFileSync(file, 'utf8') });
}, 60_000);

test.each([
  ['Northwind', fixture('northwind.sql').toString(), 14],
  ['Pagila', fixture('pagila.sql').toString(), 17],
  ['Two hundred tables', ledgers(200), 200],
])(
  '%s: what is written is served as it is',
  async (heading, tables, count) => {
    await using database = await loaded(tables);
    await answers(heading, database.url, { count });
  },
  60_000,
);

/** Asks what a page asks, of a file as `sources:init` writes it. */
async function answers(
  heading: string,
  url: string,
  { name = 'shop', count, text }: { name?: string; count?: number; text?: string },
): Promise<void> {
  const driver = createPostgresSource(shopOptions(url));
  try {
    const catalog = await driver.introspect(['public']);
    const common = { name, kind: 'postgres', variable: 'DATABASE', schemas: ['public'], tenancy: 'shared' } as const;
    const merged = mergeSource(undefined, 'sources.yaml', { ...common, catalog });
    if (count !== undefined) expect(merged.added).toBe(count);
    const schema = buildSchema(buildModel(name, parseSources(text ?? merged.text, 'sources.yaml'), catalog), driver);
    const contextValue = createRequestContext({ tenantId: 'default', subject: 'ada', roles: [], scopes: [] });
    for (const { query, answer } of asked(heading)) {
      const result = JSON.parse(writeJson(await graphql({ schema, source: query, contextValue }))) as unknown;
      expect(result).toEqual(answer);
    }
  } finally {
    await driver.close();
  }
}

/** Tables that refer to those of half their number, and of others. */
function ledgers(count: number): string {
  const name = (number: number): string => `ledger_${String(number).padStart(3, '0')}`;
  return Array.from({ length: count }, (_, index) => {
    const own = index + 1;
    const to = [...new Set([Math.floor(own / 2), Math.floor(own / 3), own - 1])].filter((other) => other > 0);
    const columns = [
      'id integer PRIMARY KEY, code text NOT NULL, amount numeric NOT NULL, state text, at timestamptz',
      ...to.map((other) => `${name(other)}_id integer REFERENCES ${name(other)}`),
      ...Array.from({ length: 10 - to.length }, (__, column) => `note_${column} text`),
    ];
    return `CREATE TABLE ${name(own)} (${columns.join(', ')});
      INSERT INTO ${name(own)} (id, code, amount, state, ${to.map((other) => `${name(other)}_id, `).join('')}at)
        SELECT i, ${own} || '-' || i, i * 1.10, CASE WHEN i % 2 = 0 THEN 'open' ELSE 'closed' END, ${to.map(() => 'i, ').join('')}NULL FROM generate_series(1, 5) AS i;`;
  }).join('\n');
}
