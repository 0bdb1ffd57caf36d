import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { goProgram, goProgramUnavailable } from './go-program.ts';
import { startServer, type Server } from './server.ts';
import type { Store } from './store.ts';
import { VERSITYGW } from './versions.ts';
import type { Workplace } from './workplace.ts';

const REGION = 'eu-test-1';

/** Starts the server over a folder; closing kills it, and another start finds the data again. */
export async function startS3(
  workplace: Workplace,
  folder: string,
  { access, secret }: { access: string; secret: string },
): Promise<Server> {
  const command = await goProgram(workplace, 'versitygw', VERSITYGW);
  const buckets = join(folder, 'buckets');
  const metadata = join(folder, 'metadata');
  for (const needed of [buckets, metadata]) await mkdir(needed, { recursive: true });
  return await startServer({
    command,
    // Metadata beside the files, not in extended attributes, which not every temporary folder has.
    args: (port) => [
      '--port',
      `127.0.0.1:${port}`,
      '--region',
      REGION,
      '--quiet',
      'posix',
      '--sidecar',
      metadata,
      buckets,
    ],
    cwd: folder,
    env: { ROOT_ACCESS_KEY_ID: access, ROOT_SECRET_ACCESS_KEY: secret },
  });
}

/** An S3 server over a folder. */
export const s3: Store = {
  name: 's3',
  title: `S3 (Versity Gateway ${VERSITYGW.version.slice(1)})`,
  suites: [
    'tests/stores/s3.test.ts',
    'tests/stores/backup.test.ts',
    'tests/stores/absent/s3.test.ts',
    'tests/contract/object-s3.test.ts',
    'tests/contract/sources-s3.test.ts',
    'tests/faults/s3.test.ts',
  ],
  limits: [
    { test: 'keeps an object and a folder of one name apart', why: 'it keeps objects as files of their own names' },
  ],
  available: (workplace) => goProgramUnavailable(workplace, 'versitygw', VERSITYGW),
  start: async (workplace) => {
    const [access, secret] = [randomBytes(10).toString('hex'), randomBytes(20).toString('hex')];
    const server = await startS3(workplace, join(workplace.data, 's3'), { access, secret });
    return {
      env: {
        TEST_S3_ENDPOINT: `http://127.0.0.1:${server.port}`,
        TEST_S3_ACCESS_KEY: access,
        TEST_S3_SECRET_KEY: secret,
        TEST_S3_REGION: REGION,
        // See `limits`.
        TEST_S3_PLAIN_FILES: 'true',
      },
      close: server.close,
    };
  },
};
