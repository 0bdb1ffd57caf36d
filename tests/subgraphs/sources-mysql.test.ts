import { describe, expect, test } from 'vitest';
import { createMariadbSource, createMysqlSource } from '#subgraphs/sources/drivers/mysql/index.ts';
import { createMysqlDatabase, URLS } from '#tests/setup/mysql.ts';
import { shopOptions } from '#tests/setup/source-options.ts';
import { describeMysqlValues } from './sources-mysql-kinds.ts';

describe.skipIf(!URLS.mysql)('of a MySQL (TEST_MYSQL_URL)', () => {
  describeMysqlValues('mysql', createMysqlSource);

  test('is none of the other kind, which is told', async () => {
    await using database = await createMysqlDatabase('mysql');
    const driver = await createMariadbSource(shopOptions(database.url));
    await expect(driver.introspect([])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('is MySQL ') as string,
      extensions: { hint: expect.stringContaining('kind: mysql') as string },
    });
    await driver.close();
  });
});
