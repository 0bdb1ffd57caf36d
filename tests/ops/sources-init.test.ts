import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mergeSource } from '#ops/sources/merge.ts';
import { SOURCES } from '#subgraphs/sources/bounds.ts';
import type { Catalog } from '#subgraphs/sources/driver.ts';
import { lookAt } from '#subgraphs/sources/index.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';
import { cleanEnvironment, startProgram } from './program.ts';

let database: TestDatabase;
let catalog: Catalog;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-sources-init-'));
  database = await createTestDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query(readFileSync(new URL('../contract/fixtures/sources/shop.sql', import.meta.url), 'utf8'));
  await client.end();
  catalog = await lookAt({
    kind: 'postgres',
    ...SOURCES,
    name: 'shop',
    variable: 'SHOP_URL',
    url: () => database.url,
    schemas: ['public'],
  });
});
afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const looked = (given: Partial<Parameters<typeof mergeSource>[2]> = {}) => ({
  kind: 'postgres' as const,
  name: 'shop',
  variable: 'SHOP_URL',
  schemas: ['public'],
  tenancy: { column: 'tenant_id' },
  catalog,
  ...given,
});

describe('a file of sources from a database', () => {
  test('is read as it is written, with all that there is in comments', () => {
    const { text, added, gone, undecided } = mergeSource(undefined, 'sources.yaml', looked());
    expect({ added, gone, undecided }).toEqual({ added: catalog.tables.length, gone: [], undecided: false });
    for (const told of [
      'Who buys.',
      'status: public.order_status not null (new, in progress, shipped)',
      'no key',
      '→ public.customers (id)',
      'Größen',
      'view',
      'partitioned table',
    ])
      expect(text).toContain(told);
    const model = buildModel('shop', parseSources(text, 'sources.yaml'), catalog);
    expect(model.types.map(({ name }) => name).sort()).toEqual([
      'Customer',
      'Grossen',
      'Order',
      'OrderLine',
      'Reading',
      'Sale',
      'Vip',
      'Visit',
    ]);
  });

  test('of which nobody has said whose rows they are is refused when it is served', () => {
    const { text, undecided } = mergeSource(undefined, 'sources.yaml', looked({ tenancy: undefined }));
    expect(undecided).toBe(true);
    expect(() => parseSources(text, 'sources.yaml')).toThrow(/does not say whose rows/);
  });

  test('gives names where those of the database make none, or one twice, so that it is served as it is written', () => {
    const tables = [
      { name: '日本', columns: ['id', '名前', '年'] },
      { name: '中国', columns: ['id'] },
      { name: 'crates', columns: ['id', 'a_b', 'A B', 'a-b', 'a_b2'] },
    ].map(({ name, columns }) => ({
      ...{ id: `public.${name}`, schema: 'public', name, kind: 'table' as const },
      columns: columns.map((column) => ({
        ...{ name: column, kind: 'int' as const, native: 'integer', list: false, nullable: column !== 'id' },
      })),
      ...{ key: ['id'], uniques: [['id']], foreignKeys: [] },
    }));
    const odd: Catalog = { tables, enums: [] };
    const { text } = mergeSource(undefined, 'sources.yaml', looked({ catalog: odd, tenancy: 'shared' }));
    const model = buildModel('shop', parseSources(text, 'sources.yaml'), odd);
    const made = model.types.map(({ name, relation }) => [name, ...Object.keys(relation.columns)]);
    expect(made).toEqual([
      ['Table', 'id', 'column', 'column2'],
      ['TableRow', 'id'],
      ['Crate', 'id', 'aB', 'aB2', 'aB3', 'aB22'],
    ]);
  });

  test('that a person edited stays as it is; what is new is added, what is gone is said', () => {
    const edited = `# Mine.
sources:
  # Of the team.
  shop:
    kind: postgres
    url: SHOP_URL
    tenancy: shared
    types:
      customers: { name: Buyer } # they pay
      vanished: {}
      orders:
        columns:
          remark: { hide: true }
`;
    const { text, added, gone } = mergeSource(edited, 'sources.yaml', looked());
    for (const line of edited.split('\n')) expect(text).toContain(line);
    expect(added).toBe(catalog.tables.length - 2);
    expect(gone).toEqual(['vanished', 'orders: remark']);
    const again = mergeSource(text, 'sources.yaml', looked());
    expect({ text: again.text, added: again.added }).toEqual({ text, added: 0 });
    const other = mergeSource(text, 'sources.yaml', looked({ name: 'other' }));
    expect(
      Object.keys(
        parseSources(
          other.text.replace('vanished: {}', '').replace(/ {10}remark.*\n/, '          note: { hide: true }\n'),
          'x',
        ).data.sources,
      ),
    ).toEqual(['shop', 'other']);
    expect(() => mergeSource('sources: [', 'sources.yaml', looked())).toThrow(/sources\.yaml is no YAML/);
    expect(() => mergeSource('sources: [a]', 'sources.yaml', looked())).toThrow(/something else/);
  });
});

test('the command writes the file, never the URL, and says why where it does not', async () => {
  const file = join(folder, 'sources.yaml');
  const run = async (args: string[], env: NodeJS.ProcessEnv = { SHOP_URL: database.url }) => {
    using program = startProgram(process.execPath, ['--import', 'tsx', 'ops/sources-init.ts', ...args], {
      env: cleanEnvironment(env),
    });
    return { status: await program.exited(), output: program.output };
  };
  const { status, output } = await run(['--from', 'SHOP_URL', '--tenant-column', 'tenant_id', file]);
  expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining(`SOURCES=${file}`) });
  const text = await readFile(file, 'utf8');
  expect(text).toContain('url: SHOP_URL');
  expect(text).not.toContain(new URL(database.url).password);
  await writeFile(file, 'sources: [');
  expect(await run(['--from', 'SHOP_URL', file])).toEqual({ status: 1, output: expect.stringContaining('is no YAML') });
  expect(await run(['--from', 'SHOP_URL', file], {})).toEqual({
    status: 1,
    output: expect.stringContaining('SHOP_URL is not set'),
  });
  const away = await run(['--from', 'SHOP_URL', file], { SHOP_URL: 'postgres://a:s3cret-word@127.0.0.1:1/x' });
  expect(away).toEqual({ status: 1, output: expect.stringContaining('SHOP_URL') });
  expect(away.output).not.toContain('s3cret-word');
}, 120_000);
