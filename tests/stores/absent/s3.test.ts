/** S3 in every way absent, on the real server of this run. */
import { randomBytes } from 'node:crypto';
import { describe } from 'vitest';
import { createObject } from '#subgraphs/object/index.ts';
import type { S3Config } from '#subgraphs/object/driver.ts';
import { absences, ask, SECRET, silence, type Absence } from './absent.ts';
import { S3 } from '#tests/setup/given-stores.ts';

const QUERY = '{ objects(first: 1) { edges { node { key } } } }';
const objects = (changes: Partial<S3Config>, signal?: AbortSignal) =>
  ask(
    createObject({
      driver: {
        kind: 's3',
        ...S3,
        endpoint: S3.endpoint!,
        bucket: `absent-${randomBytes(4).toString('hex')}`,
        ...changes,
      },
    }),
    QUERY,
    signal,
  );
const wrongKeys = { accessKey: 'somebody', secretKey: SECRET };

const everywhere: Absence[] = [
  {
    how: 'off',
    attempt: () => ask(createObject({ driver: { kind: 'off' } }), QUERY),
    code: 'STORE_DISABLED',
    names: /S3_ENDPOINT/,
  },
  {
    how: 'wrong host',
    attempt: () => objects({ endpoint: 'http://no-such-host.invalid', ...wrongKeys }),
    code: 'STORE_UNAVAILABLE',
    names: /S3_ENDPOINT/,
  },
  {
    how: 'refused',
    attempt: () => objects({ endpoint: 'http://127.0.0.1:1', ...wrongKeys }),
    code: 'STORE_UNAVAILABLE',
    names: /S3_ENDPOINT/,
  },
  {
    how: 'silent',
    attempt: async () => {
      await using nobody = await silence();
      return await objects({ endpoint: `http://127.0.0.1:${nobody.port}`, requestTimeoutMs: 300, ...wrongKeys });
    },
    code: 'STORE_TIMEOUT',
    names: /S3_ENDPOINT/,
  },
  {
    how: 'silent, and the request ends',
    attempt: async () => {
      await using nobody = await silence();
      return await objects({ endpoint: `http://127.0.0.1:${nobody.port}`, ...wrongKeys }, AbortSignal.timeout(200));
    },
    code: 'REQUEST_TIMEOUT',
    names: /S3_ENDPOINT/,
  },
];
absences('S3', everywhere, S3.secretKey ? [S3.secretKey] : []);

describe.skipIf(!S3.endpoint)('S3 (TEST_S3_ENDPOINT)', () => {
  const onServer: Absence[] = [
    { how: 'unknown key', attempt: () => objects(wrongKeys), code: 'STORE_UNAVAILABLE', names: /S3_ACCESS_KEY/ },
    {
      how: 'wrong secret',
      attempt: () => objects({ secretKey: SECRET }),
      code: 'STORE_UNAVAILABLE',
      names: /S3_SECRET_KEY/,
    },
    { how: 'bucket absent', attempt: () => objects({}), code: 'STORE_UNAVAILABLE', names: /S3_BUCKET.*aws s3 mb/ },
    {
      how: 'wrong region',
      attempt: () => objects({ region: 'eu-nowhere-1' }),
      code: 'STORE_UNAVAILABLE',
      names: /S3_REGION/,
    },
  ];
  absences('S3', onServer, [S3.secretKey]);
});
