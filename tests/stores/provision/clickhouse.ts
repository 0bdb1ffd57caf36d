import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { missingPrograms } from './clients.ts';
import { startServer } from './server.ts';
import type { Store } from './store.ts';
import { CHDB } from './versions.ts';
import { unpackWheel } from './wheel.ts';
import { cached } from './workplace.ts';

const wheel = CHDB.wheels[`${process.platform}-${process.arch}`];
const folderName = `chdb-${CHDB.version}-${wheel?.sha256.slice(0, 16)}`;
const DOOR = fileURLToPath(new URL('./clickhouse-engine.py', import.meta.url));

/**
 * ClickHouse's engine behind a door of our own: no package registry has a server of today, but PyPI has its engine. A whole
 * server is tested with `--compose`, or by TEST_CLICKHOUSE_URL.
 */
export const clickhouse: Store = {
  name: 'clickhouse',
  title: `ClickHouse's engine (chdb ${CHDB.version}) behind a stand-in for its HTTP interface`,
  suites: ['tests/contract/sources-clickhouse.test.ts', 'tests/subgraphs/sources-clickhouse.test.ts'],
  available: async () => {
    if (wheel === undefined) return `there is no chdb for ${process.platform} ${process.arch}`;
    return await missingPrograms('python3');
  },
  start: async (workplace) => {
    const packages = await cached(workplace, folderName, (folder) =>
      unpackWheel(workplace, folder, { name: 'chdb-core', version: CHDB.version, ...wheel!, size: '180 MB' }),
    );
    const password = randomBytes(16).toString('hex');
    const server = await startServer({
      command: 'python3',
      args: (port) => [DOOR, String(port), join(workplace.data, `clickhouse-${port}`)],
      cwd: workplace.data,
      env: {
        PATH: process.env['PATH'] ?? '',
        PYTHONPATH: packages,
        PYTHONUNBUFFERED: '1',
        CLICKHOUSE_ENGINE_PASSWORD: password,
      },
    });
    return {
      env: {
        TEST_CLICKHOUSE_URL: `clickhouse://tests:${password}@127.0.0.1:${server.port}/`,
        // A user who may not set what a statement means.
        TEST_CLICKHOUSE_STRICT: 'strict',
      },
      close: server.close,
    };
  },
};
