import { readFileSync } from 'node:fs';
import pg from 'pg';
import { createPostgresSource } from '#subgraphs/sources/drivers/postgres/index.ts';
import { SOURCES } from '#subgraphs/sources/bounds.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import { describeSource } from './sources-driver.ts';
import { SHOP, STATUS } from './sources-shop.ts';

describeSource(
  'postgres',
  async (tenants) => {
    const database = await createTestDatabase();
    const client = new pg.Client(database.url);
    await client.connect();
    await client.query(readFileSync(new URL('fixtures/sources/shop.sql', import.meta.url), 'utf8'));
    // Orders lead to customers of other tenants, who must be there before.
    for (const [name, { table, fields }] of Object.entries(SHOP))
      for (const [tenant, rows] of Object.entries(tenants)) {
        const columns = Object.values(fields).map(([column]) => pg.escapeIdentifier(column));
        for (const row of rows[name as keyof typeof rows]) {
          const values = Object.entries(fields).map(([field, [, kind]]) =>
            kind === 'enum' ? STATUS[row[field] as string] : row[field],
          );
          await client.query(
            `INSERT INTO ${table} (tenant_id, ${columns.join(', ')}) VALUES (${['$1', ...values.map((_, index) => `$${index + 2}`)].join(', ')})`,
            [tenant, ...values],
          );
        }
      }
    await client.end();
    const driver = createPostgresSource({
      ...SOURCES,
      name: 'shop',
      variable: 'SHOP_URL',
      url: () => database.url,
      preparedStatements: true,
      onIdleError: () => undefined,
    });
    return {
      driver,
      async [Symbol.asyncDispose]() {
        await driver.close();
        await database[Symbol.asyncDispose]();
      },
    };
  },
  { queries: 1_500 },
);
