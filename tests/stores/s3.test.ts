import { CreateBucketCommand, DeleteBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { S3 } from '#tests/setup/given-stores.ts';

const { endpoint, accessKey, secretKey, region } = S3;

const client = (secretAccessKey = secretKey) =>
  new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey },
  });

describe.skipIf(!endpoint)('S3 (TEST_S3_ENDPOINT)', () => {
  test('creates, lists and deletes buckets', async () => {
    const s3 = client();
    await s3.send(new CreateBucketCommand({ Bucket: 'is-it-there' }));
    expect((await s3.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name)).toContain('is-it-there');
    await s3.send(new DeleteBucketCommand({ Bucket: 'is-it-there' }));
    s3.destroy();
  });

  test('refuses what is signed with another key', async () => {
    const s3 = client('a guess');
    await expect(s3.send(new ListBucketsCommand({}))).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    s3.destroy();
  });
});
