import { describe } from 'vitest';
import { createMysqlSource } from '#subgraphs/sources/drivers/mysql/index.ts';
import { URLS } from '#tests/setup/mysql.ts';
import { describeMysql } from './sources-mysql-kinds.ts';

describe.skipIf(!URLS.mysql)('MySQL (TEST_MYSQL_URL)', () => describeMysql('mysql', createMysqlSource));
