import { describe, expect, test } from 'vitest';
import { createMariadbSource, createMysqlSource } from '#subgraphs/sources/drivers/mysql/index.ts';
import { createMysqlDatabase, URLS } from '#tests/setup/mysql.ts';
import { shopOptions } from '#tests/setup/source-options.ts';
import { describeMysqlValues } from './sources-mysql-kinds.ts';

describe.skipIf(!URLS.mariadb)('of a MariaDB (TEST_MARIADB_URL)', () => {
  describeMysqlValues('mariadb', createMariadbSource);

  test('is none of the other kind, which is told', async () => {
    await using database = await createMysqlDatabase('mariadb');
    const driver = await createMysqlSource(shopOptions(database.url));
    await expect(driver.introspect([])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('is MariaDB ') as string,
      extensions: { hint: expect.stringContaining('kind: mariadb') as string },
    });
    await driver.close();
  });
});
