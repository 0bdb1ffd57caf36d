import { describe } from 'vitest';
import { createMariadbSource } from '#subgraphs/sources/drivers/mysql/index.ts';
import { URLS } from '#tests/setup/mysql.ts';
import { describeMysql } from './sources-mysql-kinds.ts';

describe.skipIf(!URLS.mariadb)('MariaDB (TEST_MARIADB_URL)', () => describeMysql('mariadb', createMariadbSource));
