import { createSqliteFile, openSqlite } from '#tests/setup/sqlite.ts';
import { describeSource, owning } from './sources-driver.ts';
import { describeJson } from './sources-json.ts';
import { SHOP, STATUS } from './sources-shop.ts';
import { describeWrites, TABLES } from './sources-writes.ts';

describeSource(
  'sqlite',
  async (tenants) => {
    const file = await createSqliteFile('shop.sqlite.sql');
    for (const [name, { table, fields }] of Object.entries(SHOP))
      for (const [tenant, rows] of Object.entries(tenants)) {
        const columns = ['tenant_id', ...Object.values(fields).map(([column]) => column)];
        const insert = file.client.prepare(
          `INSERT INTO ${table} (${columns.map((column) => `"${column}"`).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
        );
        for (const row of rows[name as keyof typeof rows]) {
          const values = Object.entries(fields).map(([field, [, kind]]) => {
            const value = row[field] ?? null;
            if (kind === 'enum') return STATUS[value as string]!;
            if (kind === 'bigint' || kind === 'boolean') return value === null ? null : BigInt(value);
            return value as string | number | null;
          });
          insert.run(tenant, ...values);
        }
      }
    const driver = openSqlite(file.url);
    return owning(driver, file);
  },
  {
    // What SQLite has no types for.
    file: `    types:
      customers: { columns: { balance: { type: decimal } } }
      orders: { columns: { placed_at: { type: localMoment }, status: { values: [${Object.values(STATUS).join(', ')}] } } }
      order_lines: { columns: { price: { type: decimal } } }
`,
  },
);

describeJson('sqlite', async (rows) => {
  const file = await createSqliteFile();
  file.client.exec('CREATE TABLE notes (id integer PRIMARY KEY, tenant_id text NOT NULL, data json)');
  const insert = file.client.prepare('INSERT INTO notes VALUES (?, ?, ?)');
  for (const { id, tenant_id: tenant, data } of rows) insert.run(id, tenant, data);
  const driver = openSqlite(file.url);
  return owning(driver, file);
});

describeWrites(
  'sqlite',
  async () => {
    const file = await createSqliteFile();
    for (const statement of TABLES('integer', 'json')) file.client.exec(statement);
    const driver = openSqlite(file.url);
    return owning(driver, file);
  },
  { strict: false, users: false },
);
