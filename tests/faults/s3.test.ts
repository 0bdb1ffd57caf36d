/** Keys of an S3 server that are exchanged under a running driver. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createS3Driver } from '#subgraphs/object/drivers/s3/index.ts';
import { StatementCounter } from '#subgraphs/shared/context.ts';
import { createBucket } from '#tests/setup/bucket.ts';
import { wireTo } from '#tests/e2e/wire.ts';
import { startS3 } from '#tests/stores/provision/s3.ts';
import { openWorkplace } from '#tests/stores/provision/workplace.ts';

describe.skipIf(!process.env['TEST_S3_ENDPOINT'])('an S3 server of its own', () => {
  test('keys that are exchanged are followed by requests and signed links, and told of while they are not', async () => {
    const workplace = await openWorkplace(() => undefined);
    const start = (secret: string) => startS3(workplace, join(workplace.data, 's3'), { access: 'rotated', secret });
    const [first, second] = [randomBytes(12).toString('hex'), randomBytes(12).toString('hex')];
    let server = await start(first);
    await using wire = await wireTo(server.port);
    const endpoint = `http://127.0.0.1:${wire.port}`;
    const keys = { accessKey: 'rotated', secretKey: first };
    await createBucket({ endpoint, region: 'eu-test-1', ...keys }, 'rotated');
    let secret = first;
    const driver = createS3Driver({
      kind: 's3',
      endpoint,
      accessKey: 'rotated',
      secretKey: () => secret,
      bucket: 'rotated',
      region: 'eu-test-1',
    });
    const scope = { tenantId: 'a', statements: new StatementCounter() };
    const put = (key: string) =>
      driver.put(
        scope,
        key,
        (async function* () {
          yield Buffer.from(key);
        })(),
        { contentType: 'text/plain' },
      );
    const read = async (key: string) => await fetch(await driver.signer.signDownload('a', key, 60));
    try {
      await put('before');
      await server.close();
      server = await start(second);
      wire.snap();
      wire.target = server.port;
      await expect(put('meanwhile')).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        extensions: { hint: expect.stringContaining('S3_SECRET_KEY') as string },
      });
      expect((await read('before')).status).toBe(403);
      secret = second;
      await put('after');
      expect(await (await read('before')).text()).toBe('before');
    } finally {
      await driver.close();
      await server.close();
      await workplace.close();
    }
  }, 120_000);
});
