import { mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { findProgram, missingPrograms, runClient } from './clients.ts';
import { librariesOf, unpackDebian } from './debian.ts';
import { writeUsers } from './mysql-users.ts';
import { startServer } from './server.ts';
import { NotProvisioned, type Store } from './store.ts';
import { MARIADB } from './versions.ts';
import { cached, isCached, type Workplace } from './workplace.ts';

const folderName = `mariadb-debian-${process.arch}`;

interface Program {
  readonly server: string;
  readonly install: string;
  /** Where it is, if it is not installed. */
  readonly base?: string;
  readonly env: Readonly<Record<string, string>>;
}

/** MariaDB: the one on the PATH, else Debian's, unpacked into the cache. */
export const mariadb: Store = {
  name: 'mariadb',
  title: `MariaDB ${MARIADB.oldest} or newer`,
  suites: ['tests/contract/sources-mariadb.test.ts', 'tests/subgraphs/sources-mariadb.test.ts'],
  available: async (workplace) => {
    if ((await findProgram('mariadbd')) || (await isCached(workplace, folderName))) return undefined;
    const missing = await missingPrograms('apt-get', 'apt-cache', 'dpkg-deb');
    return missing && `mariadbd must be on the PATH (or Debian's ${missing})`;
  },
  start: async (workplace) => {
    const { server: command, install, base, env } = await locate(workplace);
    const [version = ''] = await runClient(command, ['--version'], { cwd: workplace.data, env });
    const [, major, minor] = /Ver (\d+)\.(\d+)\..*MariaDB/.exec(version) ?? [];
    const [oldest, oldestMinor] = MARIADB.oldest.split('.').map(Number);
    if (!(Number(major) > oldest! || (Number(major) === oldest && Number(minor) >= oldestMinor!)))
      throw new NotProvisioned(`${command} is "${version}"; MariaDB ${MARIADB.oldest} or newer is needed.`);
    const folder = join(workplace.data, 'mariadb');
    const data = join(folder, 'data');
    await mkdir(folder, { mode: 0o700 });
    const { username } = userInfo();
    const place = ['--no-defaults', ...(base === undefined ? [] : [`--basedir=${base}`]), `--datadir=${data}`];
    await runClient(
      install,
      [...place, '--auth-root-authentication-method=normal', '--skip-test-db', `--user=${username}`],
      { cwd: folder, env },
    );
    const { password, path: first } = await writeUsers(folder);
    const server = await startServer({
      command,
      args: (port) => [
        ...place,
        `--user=${username}`,
        `--port=${port}`,
        '--bind-address=127.0.0.1',
        `--socket=${join(folder, 'socket')}`,
        `--init-file=${first}`,
        '--skip-name-resolve',
        // Test data need not survive a power cut.
        '--innodb-flush-log-at-trx-commit=0',
      ],
      cwd: folder,
      env,
      ready: /ready for connections/,
    });
    return { env: { TEST_MARIADB_URL: `mariadb://tests:${password}@127.0.0.1:${server.port}/` }, close: server.close };
  },
};

async function locate(workplace: Workplace): Promise<Program> {
  const installed = await findProgram('mariadbd');
  if (installed) return { server: installed, install: 'mariadb-install-db', env: {} };
  const folder = await cached(workplace, folderName, (made) =>
    unpackDebian(workplace, made, ['mariadb-server-core', 'mariadb-server', 'mariadb-client-core', 'mariadb-common']),
  );
  const base = join(folder, 'usr');
  return {
    server: join(base, 'sbin/mariadbd'),
    install: join(base, 'bin/mariadb-install-db'),
    base,
    env: await librariesOf(folder),
  };
}
