import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { goProgram, goProgramUnavailable } from './go-program.ts';
import { startServer } from './server.ts';
import type { Store } from './store.ts';
import { FERRETDB } from './versions.ts';

/** MongoDB's protocol, spoken by FerretDB over SQLite. */
export const mongodb: Store = {
  name: 'mongodb',
  title: `MongoDB (FerretDB ${FERRETDB.version.slice(1)})`,
  suites: ['tests/contract/sources-mongodb.test.ts'],
  available: (workplace) => goProgramUnavailable(workplace, 'ferretdb', FERRETDB),
  start: async (workplace) => {
    const command = await goProgram(workplace, 'ferretdb', FERRETDB);
    const folder = join(workplace.data, 'mongodb');
    await mkdir(join(folder, 'data'), { recursive: true });
    const password = randomBytes(20).toString('hex');
    const server = await startServer({
      command,
      args: (port) => [
        '--handler=sqlite',
        '--sqlite-url=file:data/',
        '--state-dir=.',
        `--listen-addr=127.0.0.1:${port}`,
        '--debug-addr=-',
        '--telemetry=disable',
        '--log-level=ERROR',
        // Without it, whoever names no user may do everything.
        '--test-enable-new-auth',
        '--setup-database=admin',
      ],
      cwd: folder,
      env: { FERRETDB_SETUP_USERNAME: 'tests', FERRETDB_SETUP_PASSWORD: password },
    });
    return {
      env: {
        TEST_MONGODB_URL: `mongodb://tests:${password}@127.0.0.1:${server.port}/?authSource=admin`,
        // It has neither NaN and Infinity nor Decimal128, names with points, and collations.
        TEST_MONGODB_PLAIN: 'true',
      },
      close: server.close,
    };
  },
};
