import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { goProgram, goProgramUnavailable } from './go-program.ts';
import { startServer } from './server.ts';
import type { Store } from './store.ts';
import { VERSITYGW } from './versions.ts';

/** An S3 server over a folder. */
export const s3: Store = {
  name: 's3',
  title: `S3 (Versity Gateway ${VERSITYGW.version.slice(1)})`,
  suites: ['tests/stores/s3.test.ts', 'tests/stores/absent/s3.test.ts', 'tests/contract/object-s3.test.ts'],
  limits: [{ test: 'keeps an object and a folder of one name apart', why: 'it keeps objects as files of their own names' }],
  available: (workplace) => goProgramUnavailable(workplace, 'versitygw', VERSITYGW),
  start: async (workplace) => {
    const command = await goProgram(workplace, 'versitygw', VERSITYGW);
    const buckets = join(workplace.data, 's3', 'buckets');
    const metadata = join(workplace.data, 's3', 'metadata');
    for (const folder of [buckets, metadata]) await mkdir(folder, { recursive: true });
    const [access, secret] = [randomBytes(10).toString('hex'), randomBytes(20).toString('hex')];
    const region = 'eu-test-1';
    const server = await startServer({
      command,
      // Metadata beside the files, not in extended attributes, which not every temporary folder has.
      args: (port) => ['--port', `127.0.0.1:${port}`, '--region', region, '--quiet', 'posix', '--sidecar', metadata, buckets],
      cwd: workplace.data,
      env: { ROOT_ACCESS_KEY_ID: access, ROOT_SECRET_ACCESS_KEY: secret },
    });
    return {
      env: {
        TEST_S3_ENDPOINT: `http://127.0.0.1:${server.port}`,
        TEST_S3_ACCESS_KEY: access,
        TEST_S3_SECRET_KEY: secret,
        TEST_S3_REGION: region,
        // See `limits`.
        TEST_S3_PLAIN_FILES: 'true',
      },
      close: server.close,
    };
  },
};
