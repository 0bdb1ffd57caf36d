import { describe } from 'vitest';
import { createClickhouseSource } from '#subgraphs/sources/drivers/clickhouse/index.ts';
import { createClickhouseDatabase } from '#tests/setup/clickhouse.ts';
import { shopOptions } from '#tests/setup/source-options.ts';
import { describeSource, owning } from './sources-driver.ts';
import { describeJson } from './sources-json.ts';
import { describeLists } from './sources-lists.ts';
import { SHOP, STATUS } from './sources-shop.ts';

/** Its moments are all of UTC. */
const TABLES: typeof SHOP = {
  ...SHOP,
  orders: { ...SHOP.orders, fields: { ...SHOP.orders.fields, placedAt: ['placed_at', 'moment'] } },
};

describe.skipIf(!process.env['TEST_CLICKHOUSE_URL'])('ClickHouse (TEST_CLICKHOUSE_URL)', () => {
  describeSource(
    'clickhouse',
    async (tenants) => {
      const database = await createClickhouseDatabase('shop.clickhouse.sql');
      for (const [name, { table, fields }] of Object.entries(TABLES)) {
        const values = Object.entries(tenants).flatMap(([tenant, rows]) =>
          rows[name as keyof typeof rows].map((row) => ({
            tenant_id: tenant,
            ...Object.fromEntries(
              Object.entries(fields).map(([field, [column, kind]]) => {
                const value = row[field] ?? null;
                if (kind === 'enum') return [column, STATUS[value as string]];
                return [column, kind === 'moment' && value !== null ? momentIn(String(value)) : value];
              }),
            ),
          })),
        );
        await database.client.insert({
          table,
          values,
          format: 'JSONEachRow',
          // As they are written: with a zone, in which the columns do not have them.
          clickhouse_settings: { date_time_input_format: 'best_effort' },
        });
      }
      const driver = createClickhouseSource(shopOptions(database.url));
      return owning(driver, database);
    },
    {
      queries: 400,
      tables: TABLES,
      // What it has no keys for.
      file: `    types:
      orders: { key: [shop, number] }
      order_lines: { key: [shop, order_number, line] }
    links:
      - { from: customers.referred_by, to: customers.id }
      - { from: orders.customer_id, to: customers.id }
      - { from: 'order_lines(shop, order_number)', to: 'orders(shop, number)' }
`,
      kept: (field, value) => {
        if (value === null) return null;
        switch (field) {
          // Its days begin in 1900.
          case 'born':
            return String(value) < '1900' ? '1900-01-01' : value;
          case 'placedAt':
            return momentIn(String(value));
          // It keeps no zeros behind a number.
          case 'balance':
          case 'price':
            return String(value)
              .replace(/(\.\d*?)0+$/, '$1')
              .replace(/\.$/, '');
          default:
            return value;
        }
      },
    },
  );

  describeJson(
    'clickhouse',
    async (rows) => {
      const database = await createClickhouseDatabase();
      await database.run('CREATE TABLE notes (id Int32, tenant_id String, data JSON) ENGINE = MergeTree ORDER BY id;');
      // As texts, so that numbers keep their digits.
      for (const { id, tenant_id: tenant, data } of rows)
        await database.client.command({
          query: `INSERT INTO notes FORMAT JSONEachRow {"id":${id},"tenant_id":"${tenant}","data":${data}}`,
        });
      const driver = createClickhouseSource(shopOptions(database.url));
      return owning(driver, database);
    },
    { whole: false, nulls: false },
  );

  describeLists(
    'clickhouse',
    async (rows) => {
      const database = await createClickhouseDatabase();
      await database.run(
        'CREATE TABLE notes (id Int32, tenant_id String, tags Array(Nullable(String)), counts Array(Nullable(Int64))) ENGINE = MergeTree ORDER BY id;',
      );
      await database.client.insert({ table: 'notes', values: [...rows], format: 'JSONEachRow' });
      const driver = createClickhouseSource(shopOptions(database.url));
      return owning(driver, database);
    },
    { nullLists: false },
  );
});

const momentIn = (text: string): string => {
  const [time, fraction = ''] = text.replace('Z', '').split('.');
  return `${time}.${fraction.padEnd(3, '0')}Z`;
};
