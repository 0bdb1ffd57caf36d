import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { missingPrograms } from './clients.ts';
import { startServer } from './server.ts';
import type { Store } from './store.ts';
import { QDRANT_EDGE } from './versions.ts';
import { unpackWheel } from './wheel.ts';
import { cached } from './workplace.ts';

const wheel = QDRANT_EDGE.wheels[`${process.platform}-${process.arch}`];
const folderName = `qdrant-edge-${QDRANT_EDGE.version}-${wheel?.sha256.slice(0, 16)}`;
const DOOR = fileURLToPath(new URL('./qdrant-engine.py', import.meta.url));

/**
 * Qdrant's engine behind a door of our own: no package registry has the server, but PyPI has its engine. A real server
 * is tested with `--compose`, or by TEST_QDRANT_URL.
 */
export const qdrant: Store = {
  name: 'qdrant',
  title: `Qdrant's engine (qdrant-edge ${QDRANT_EDGE.version}) behind a stand-in for its REST interface`,
  suites: [
    'tests/stores/qdrant.test.ts',
    'tests/stores/qdrant-renewal.test.ts',
    'tests/contract/vector-qdrant.test.ts',
    'tests/contract/sources-qdrant.test.ts',
    'tests/contract/sources-nearest-qdrant.test.ts',
  ],
  limits: [{ test: 'readers see whole writes', why: 'a write of several points to Qdrant is not atomic' }],
  available: async () => {
    if (wheel === undefined) return `there is no qdrant-edge for ${process.platform} ${process.arch}`;
    return await missingPrograms('python3');
  },
  start: async (workplace) => {
    const packages = await cached(workplace, folderName, (folder) =>
      unpackWheel(workplace, folder, {
        name: 'qdrant-edge-py',
        version: QDRANT_EDGE.version,
        ...wheel!,
        size: '12 MB',
      }),
    );
    const folder = join(workplace.data, 'qdrant');
    await mkdir(folder);
    const key = randomBytes(16).toString('hex');
    const server = await startServer({
      command: 'python3',
      args: (port) => [DOOR, String(port), join(folder, String(port))],
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', PYTHONPATH: packages, PYTHONUNBUFFERED: '1', QDRANT_ENGINE_KEY: key },
    });
    return {
      env: { TEST_QDRANT_URL: `http://127.0.0.1:${server.port}`, TEST_QDRANT_API_KEY: key },
      close: () => server.close(),
    };
  },
};
