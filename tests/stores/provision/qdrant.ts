import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { missingPrograms, runClient } from './clients.ts';
import { startServer } from './server.ts';
import { NotProvisioned, type Store } from './store.ts';
import { QDRANT_EDGE } from './versions.ts';
import { cached, type Workplace } from './workplace.ts';

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
  ],
  limits: [{ test: 'readers see whole writes', why: 'a write of several points to Qdrant is not atomic' }],
  available: async () => {
    if (wheel === undefined) return `there is no qdrant-edge for ${process.platform} ${process.arch}`;
    return await missingPrograms('python3');
  },
  start: async (workplace) => {
    const packages = await cached(workplace, folderName, (folder) => fetch(workplace, folder));
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

async function fetch(workplace: Workplace, folder: string): Promise<void> {
  workplace.say(`qdrant: pip download qdrant-edge-py ${QDRANT_EDGE.version} (12 MB) …`);
  const downloads = join(workplace.data, 'qdrant-wheel');
  await mkdir(downloads);
  const requirements = join(downloads, 'requirements.txt');
  await writeFile(requirements, `qdrant-edge-py==${QDRANT_EDGE.version} --hash=sha256:${wheel!.sha256}\n`);
  await runClient(
    'python3',
    [
      ...['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--require-hashes', '--quiet'],
      ...['--platform', wheel!.platform, '-d', downloads, '-r', requirements],
    ],
    { cwd: downloads },
  );
  const file = (await readdir(downloads)).find((name) => name.endsWith('.whl'));
  if (!file) throw new NotProvisioned('pip delivered no wheel.');
  await runClient('python3', ['-m', 'zipfile', '-e', join(downloads, file), folder], { cwd: downloads });
  await rm(downloads, { recursive: true });
}
