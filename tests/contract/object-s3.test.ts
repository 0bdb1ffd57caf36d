/** The S3 driver on the server that TEST_S3_ENDPOINT names; `npm run test:stores` starts one. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { graphql } from 'graphql';
import { describe, expect, it } from 'vitest';
import { meaningOf } from '#gateway/errors.ts';
import { createS3Driver } from '#subgraphs/object/drivers/s3/index.ts';
import { createObject } from '#subgraphs/object/index.ts';
import type { S3Config } from '#subgraphs/object/driver.ts';
import { createSignedRoutes } from '#subgraphs/object/links/routes.ts';
import { UrlSigner } from '#subgraphs/object/links/signed-urls.ts';
import { createRequestContext, StatementCounter } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { createBucket } from '#tests/setup/bucket.ts';
import { S3 } from '#tests/setup/given-stores.ts';
import { objectDriverContract } from './object-driver.ts';

const { TEST_S3_PLAIN_FILES } = process.env;

const config = (changes: Partial<S3Config> = {}): Omit<S3Config, 'kind'> & { kind: 's3' } => ({
  kind: 's3',
  ...S3,
  endpoint: S3.endpoint ?? 'http://127.0.0.1:1',
  bucket: `tributary-test-${randomBytes(4).toString('hex')}`,
  ...changes,
});
const list = (changes: Partial<S3Config>) =>
  createS3Driver(config(changes)).list(
    { tenantId: 'a', statements: new StatementCounter() },
    { prefix: '', after: null, limit: 1 },
  );

if (S3.endpoint) {
  const settingsOfNewBucket = async () => {
    const settings = config();
    await createBucket(
      {
        endpoint: settings.endpoint,
        region: settings.region,
        accessKey: S3.accessKey,
        secretKey: S3.secretKey,
      },
      settings.bucket,
    );
    return settings;
  };
  // versitygw keeps objects as files of their own names: set for it.
  const can = { nested: !TEST_S3_PLAIN_FILES };
  objectDriverContract(
    's3',
    async () => {
      const driver = createS3Driver(await settingsOfNewBucket());
      return { driver, signer: driver.signer, fetch, close: () => driver.close() };
    },
    can,
  );

  // Where clients cannot reach the store: signed links lead to the gateway, whose routes stream.
  const gateway = { signingKey: new Uint8Array(32).fill(7), publicBaseUrl: () => 'http://gateway.test' };
  objectDriverContract(
    's3, through the gateway',
    async () => {
      const driver = createS3Driver(await settingsOfNewBucket());
      const signer = new UrlSigner(gateway);
      const [route] = createSignedRoutes(driver, signer);
      const answer = (request: Request) =>
        route!.handle(request).catch((error: unknown) => {
          if (!(error instanceof CodedError)) throw error;
          return Response.json(
            { message: error.message, ...error.extensions },
            { status: meaningOf(error.code).status },
          );
        });
      return { driver, signer, fetch: answer, close: () => driver.close() };
    },
    can,
  );

  describe('s3 with S3_PUBLIC_ENDPOINT=off', () => {
    it('signs links to the gateway, and streams many megabytes through it without holding them', async () => {
      const subgraph = await createObject({
        driver: { ...(await settingsOfNewBucket()), publicEndpoint: 'off', gateway },
      });
      const contextValue = createRequestContext({ tenantId: 'a', subject: 'test', roles: [], scopes: [] });
      const ask = async (source: string) =>
        (await graphql({ schema: subgraph.schema, source, contextValue })).data as Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers are looked into, and a wrong shape fails the test
      const [route] = subgraph.routes;
      const piece = randomBytes(1024 * 1024);
      const pieces = 40;
      async function* body() {
        for (let n = 0; n < pieces; n++) yield piece;
      }
      const { requestUpload } = await ask(
        `mutation { requestUpload(input: { key: "large.bin", contentType: "application/octet-stream", sizeBytes: ${pieces * piece.length} }) { url method headers { name value } } }`,
      );
      expect(requestUpload.url).toMatch(/^http:\/\/gateway\.test\/objects\/a\/large\.bin\?/);
      const headers = new Headers(
        (requestUpload.headers as { name: string; value: string }[]).map(
          ({ name, value }) => [name, value] as [string, string],
        ),
      );
      const put = await route!.handle(
        new Request(
          requestUpload.url as string,
          { method: 'PUT', headers, body: Readable.toWeb(Readable.from(body())), duplex: 'half' } as RequestInit,
        ),
      );
      expect(put.status).toBe(201);
      const { object } = await ask('{ object(key: "large.bin") { sizeBytes downloadUrl } }');
      expect(object.sizeBytes).toBe(pieces * piece.length);
      const got = await route!.handle(new Request(object.downloadUrl as string));
      let [bytes, largest] = [0, 0];
      for await (const chunk of got.body! as unknown as AsyncIterable<Uint8Array>) {
        bytes += chunk.byteLength;
        largest = Math.max(largest, chunk.byteLength);
      }
      expect(bytes).toBe(pieces * piece.length);
      expect(largest).toBeLessThanOrEqual(1024 * 1024);
      await subgraph.close();
    });
  });

  describe('s3 driver', () => {
    it('says which variable is wrong', async () => {
      await expect(list({})).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        extensions: { hint: expect.stringContaining('S3_BUCKET') as string },
      });
      await expect(list({ accessKey: 'nobody' })).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        extensions: { hint: expect.stringContaining('S3_ACCESS_KEY') as string },
      });
      await expect(list({ secretKey: 'wrong' })).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        extensions: { hint: expect.stringContaining('S3_SECRET_KEY') as string },
      });
      await expect(list({ region: 'eu-nowhere-1' })).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        extensions: { hint: expect.stringContaining('S3_REGION') as string },
      });
      expect(await createS3Driver(config()).health()).toMatchObject({
        state: 'down',
        detail: expect.stringContaining('S3_BUCKET') as string,
      });
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
    await expect(list({ endpoint })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      extensions: { hint: expect.stringContaining('S3_ENDPOINT') as string },
    });
    expect(await createS3Driver(config({ endpoint })).health()).toMatchObject({
      store: 's3',
      state: 'down',
      detail: expect.stringContaining('S3_ENDPOINT') as string,
    });
  });

  it('signs for the address at which clients reach the store', async () => {
    const driver = createS3Driver(
      config({ publicEndpoint: 'https://files.example.com', accessKey: 'k', secretKey: 's', bucket: 'bytes' }),
    );
    expect(await driver.signer.signDownload('a', 'b/c d', 60)).toMatch(
      /^https:\/\/files\.example\.com\/bytes\/a\/b\/c%20d\?/,
    );
    const hosted = createS3Driver(
      config({
        publicEndpoint: 'https://example.com',
        forcePathStyle: false,
        accessKey: 'k',
        secretKey: 's',
        bucket: 'bytes',
      }),
    );
    expect(await hosted.signer.signDownload('a', 'b', 60)).toMatch(/^https:\/\/bytes\.example\.com\/a\/b\?/);
  });
});
