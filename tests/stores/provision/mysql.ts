import { mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { findProgram, missingPrograms, runClient } from './clients.ts';
import { unpackedProgram, unpackUnstable } from './debian.ts';
import { writeUsers } from './mysql-users.ts';
import { startServer } from './server.ts';
import { NotProvisioned, type Store } from './store.ts';
import { MYSQL } from './versions.ts';
import { cached, isCached, type Workplace } from './workplace.ts';

const folderName = `mysql-debian-unstable-${process.arch}`;

/** MySQL: the one on the PATH, else that of Debian's unstable suite, unpacked into the cache. */
export const mysql: Store = {
  name: 'mysql',
  title: `MySQL ${MYSQL.oldest} or newer`,
  suites: ['tests/contract/sources-mysql.test.ts', 'tests/subgraphs/sources-mysql.test.ts'],
  available: async (workplace) => {
    if ((await findProgram('mysqld')) || (await isCached(workplace, folderName))) return undefined;
    const missing = await missingPrograms('apt-get', 'dpkg-deb');
    return missing && `mysqld must be on the PATH (or Debian's ${missing})`;
  },
  start: async (workplace) => {
    const { command, args, place } = await locate(workplace);
    const [version = ''] = await runClient(command, [...args, '--version'], { cwd: workplace.data });
    const [, major] = /Ver (\d+)\.\d+\.\d+/.exec(version) ?? [];
    if (version.includes('MariaDB') || Number(major) < Number(MYSQL.oldest.split('.')[0]))
      throw new NotProvisioned(`${command} is "${version}"; MySQL ${MYSQL.oldest} or newer is needed.`);
    const folder = join(workplace.data, 'mysql');
    await mkdir(folder, { mode: 0o700 });
    const own = [
      ...args,
      '--no-defaults',
      ...place,
      `--datadir=${join(folder, 'data')}`,
      `--user=${userInfo().username}`,
    ];
    await runClient(command, [...own, '--initialize-insecure'], { cwd: folder });
    const { password, path: first } = await writeUsers(folder);
    const server = await startServer({
      command,
      args: (port) => [
        ...own,
        `--port=${port}`,
        '--bind-address=127.0.0.1',
        `--socket=${join(folder, 'socket')}`,
        `--pid-file=${join(folder, 'pid')}`,
        `--init-file=${first}`,
        '--secure-file-priv=NULL',
        '--mysqlx=OFF',
        '--skip-name-resolve',
        // Functions of tests may write.
        '--skip-log-bin',
        // Test data need not survive a power cut.
        '--innodb-flush-log-at-trx-commit=0',
      ],
      cwd: folder,
      ready: /ready for connections.*port: [1-9]/,
    });
    return { env: { TEST_MYSQL_URL: `mysql://tests:${password}@127.0.0.1:${server.port}/` }, close: server.close };
  },
};

interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** Where its own files are, if it is not installed. */
  readonly place: readonly string[];
}

async function locate(workplace: Workplace): Promise<Program> {
  const installed = await findProgram('mysqld');
  if (installed) return { command: installed, args: [], place: [] };
  const folder = await cached(workplace, folderName, (made) => unpackUnstable(workplace, made, ['mysql-server-core']));
  const base = join(folder, 'usr');
  const place = [`--basedir=${base}`, `--lc-messages-dir=${join(base, 'share/mysql')}`];
  return { ...(await unpackedProgram(folder, 'usr/sbin/mysqld')), place };
}
