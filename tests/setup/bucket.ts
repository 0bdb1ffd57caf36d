/** Buckets on an S3 server of tests. */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

export interface BucketServer {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export async function createBucket(
  { endpoint, region, accessKey, secretKey }: BucketServer,
  name: string,
): Promise<void> {
  const admin = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
  });
  await admin.send(new CreateBucketCommand({ Bucket: name })).finally(() => admin.destroy());
}
