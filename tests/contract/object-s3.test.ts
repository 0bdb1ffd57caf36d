/** The S3 driver on the server that TEST_S3_ENDPOINT names; `npm run test:stores` starts one. */
import { randomBytes } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { createS3Driver } from '#subgraphs/object/drivers/s3.ts';
import type { S3Config } from '#subgraphs/object/index.ts';
import { StatementCounter } from '#subgraphs/shared/context.ts';
import { objectDriverContract } from './object-driver.ts';

const { TEST_S3_ENDPOINT, TEST_S3_ACCESS_KEY = '', TEST_S3_SECRET_KEY = '', TEST_S3_REGION = 'us-east-1', TEST_S3_PLAIN_FILES } = process.env;

const config = (changes: Partial<S3Config> = {}): Omit<S3Config, 'kind'> & { kind: 's3' } => ({
  kind: 's3',
  endpoint: TEST_S3_ENDPOINT ?? 'http://127.0.0.1:1',
  accessKey: TEST_S3_ACCESS_KEY,
  secretKey: TEST_S3_SECRET_KEY,
  bucket: `tributary-test-${randomBytes(4).toString('hex')}`,
  region: TEST_S3_REGION,
  ...changes,
});
const list = (changes: Partial<S3Config>) =>
  createS3Driver(config(changes)).list({ tenantId: 'a', statements: new StatementCounter() }, { prefix: '', after: null, limit: 1 });

if (TEST_S3_ENDPOINT) {
  objectDriverContract(
    's3',
    async () => {
      const settings = config();
      const admin = new S3Client({
        endpoint: settings.endpoint,
        region: settings.region,
        forcePathStyle: true,
        credentials: { accessKeyId: settings.accessKey, secretAccessKey: settings.secretKey },
      });
      await admin.send(new CreateBucketCommand({ Bucket: settings.bucket }));
      admin.destroy();
      const driver = createS3Driver(settings);
      return { driver, signer: driver.signer, fetch, close: () => driver.close() };
    },
    // versitygw keeps objects as files of their own names: set for it.
    { nested: !TEST_S3_PLAIN_FILES },
  );

  describe('s3 driver', () => {
    it('says which variable is wrong', async () => {
      await expect(list({})).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', extensions: { hint: expect.stringContaining('S3_BUCKET') as string } });
      await expect(list({ accessKey: 'nobody' })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', extensions: { hint: expect.stringContaining('S3_ACCESS_KEY') as string } });
      await expect(list({ secretKey: 'wrong' })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', extensions: { hint: expect.stringContaining('S3_SECRET_KEY') as string } });
      await expect(list({ region: 'eu-nowhere-1' })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', extensions: { hint: expect.stringContaining('S3_REGION') as string } });
      expect(await createS3Driver(config()).health()).toMatchObject({ state: 'down', detail: expect.stringContaining('S3_BUCKET') as string });
    });
  });
} else {
  describe.skip('object driver: s3 (set TEST_S3_ENDPOINT, TEST_S3_ACCESS_KEY and TEST_S3_SECRET_KEY)', () => {
    it('needs a server', () => undefined);
  });
}

describe('s3 driver without a server', () => {
  it('says that S3_ENDPOINT does not answer', async () => {
    const endpoint = 'http://127.0.0.1:1';
    await expect(list({ endpoint })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', extensions: { hint: expect.stringContaining('S3_ENDPOINT') as string } });
    expect(await createS3Driver(config({ endpoint })).health()).toMatchObject({ store: 's3', state: 'down', detail: expect.stringContaining('S3_ENDPOINT') as string });
  });

  it('signs for the address at which clients reach the store', async () => {
    const driver = createS3Driver(config({ publicEndpoint: 'https://files.example.com', accessKey: 'k', secretKey: 's', bucket: 'bytes' }));
    expect(await driver.signer.signDownload('a', 'b/c d', 60)).toMatch(/^https:\/\/files\.example\.com\/bytes\/a\/b\/c%20d\?/);
    const hosted = createS3Driver(config({ publicEndpoint: 'https://example.com', forcePathStyle: false, accessKey: 'k', secretKey: 's', bucket: 'bytes' }));
    expect(await hosted.signer.signDownload('a', 'b', 60)).toMatch(/^https:\/\/bytes\.example\.com\/a\/b\?/);
  });
});
