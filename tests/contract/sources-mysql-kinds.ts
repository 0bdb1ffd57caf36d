import { randomBytes } from 'node:crypto';
import type { SourceDriver, SourceOptions } from '#subgraphs/sources/driver.ts';
import { shopOptions } from '#tests/setup/source-options.ts';
import { createMysqlDatabase, type URLS } from '#tests/setup/mysql.ts';
import { describeSource, owning } from './sources-driver.ts';
import { describeJson } from './sources-json.ts';
import { SHOP, STATUS } from './sources-shop.ts';
import { describeWrites, TABLES } from './sources-writes.ts';

const DIGITS = 30;

/** What a source over `mysql2` must do, of either kind. */
export function describeMysql(
  kind: keyof typeof URLS,
  createSource: (options: SourceOptions) => Promise<SourceDriver>,
): void {
  describeSource(
    kind,
    async (tenants) => {
      const database = await createMysqlDatabase(kind, 'shop.mysql.sql');
      // Orders lead to customers of other tenants, who must be there before.
      for (const [name, { table, fields }] of Object.entries(SHOP))
        for (const [tenant, rows] of Object.entries(tenants)) {
          const columns = ['tenant_id', ...Object.values(fields).map(([column]) => column)];
          for (const row of rows[name as keyof typeof rows]) {
            const values = Object.entries(fields).map(([field, [, kind]]) => {
              const value = row[field] ?? null;
              if (kind === 'enum') return STATUS[value as string]!;
              return kind === 'moment' && value !== null ? String(value).replace('T', ' ').replace('Z', '') : value;
            });
            await database.client.execute(
              `INSERT INTO ${table} (${columns.map((column) => `\`${column}\``).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
              [tenant, ...values],
            );
          }
        }
      const driver = await createSource(shopOptions(database.url));
      return owning(driver, database);
    },
    {
      queries: 1_500,
      // Of `decimal` all digits behind the point are kept, zeros too.
      kept: (field, value) => {
        if (field !== 'balance') return value;
        const [whole, fraction = ''] = String(value).split('.');
        return `${whole}.${fraction.padEnd(DIGITS, '0')}`;
      },
      // Neither case nor accents count in its collations.
      collated: (text) => text.replaceAll('ß', 's').normalize('NFD').replace(/\p{M}/gu, '').toUpperCase(),
    },
  );

  describeJson(kind, async (rows) => {
    const database = await createMysqlDatabase(kind);
    await database.client.query('CREATE TABLE notes (id int PRIMARY KEY, tenant_id varchar(20) NOT NULL, data json)');
    for (const { id, tenant_id: tenant, data } of rows)
      await database.client.execute('INSERT INTO notes VALUES (?, ?, ?)', [id, tenant, data]);
    const driver = await createSource(shopOptions(database.url));
    return owning(driver, database);
  });

  describeWrites(kind, async () => {
    const database = await createMysqlDatabase(kind);
    for (const statement of TABLES('bigint AUTO_INCREMENT', 'json')) await database.client.query(statement);
    const reader = `r_${randomBytes(6).toString('hex')}`;
    await database.client.query(
      `CREATE USER ${reader}@'%' IDENTIFIED BY 'x'; GRANT SELECT ON ${database.name}.* TO ${reader}@'%'`,
    );
    const asReader = new URL(database.url);
    asReader.username = reader;
    asReader.password = 'x';
    const open = (url: string) => createSource(shopOptions(url));
    const [driver, reading] = await Promise.all([open(database.url), open(asReader.href)]);
    return {
      driver,
      reading,
      async [Symbol.asyncDispose]() {
        await Promise.all([driver.close(), reading.close()]);
        await database.client.query(`DROP USER ${reader}@'%'`);
        await database[Symbol.asyncDispose]();
      },
    };
  });
}
