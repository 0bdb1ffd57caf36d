import { CreateBucketCommand, DeleteBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';

const {
  TEST_S3_ENDPOINT: endpoint,
  TEST_S3_ACCESS_KEY = '',
  TEST_S3_SECRET_KEY = '',
  TEST_S3_REGION = '',
} = process.env;

const client = (secretAccessKey = TEST_S3_SECRET_KEY) =>
  new S3Client({
    endpoint,
    region: TEST_S3_REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: TEST_S3_ACCESS_KEY, secretAccessKey },
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
