/** `npm run doctor` on real stores: what it says where they are well, where passwords and buckets are wrong, and where a user may not write. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import neo4j from 'neo4j-driver';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { doctorCommand } from '#ops/doctor/command.ts';
import type { Diagnosis } from '#ops/doctor/diagnosis.ts';
import { createBucket } from '#tests/setup/bucket.ts';
import { givenQdrant, NEO4J, neo4jVariables, S3, s3Variables } from '#tests/setup/given-stores.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';

const { QDRANT_URL, QDRANT_API_KEY = '' } = givenQdrant();
const REDIS_URL = process.env['TEST_REDIS_URL'];
const isGiven = [NEO4J.uri, S3.endpoint, QDRANT_URL, REDIS_URL].every((given) => given !== undefined);
const CANARY = 'Canary-7f3a-secret-0123456789-0123456789';

describe.skipIf(!isGiven)('doctor (Neo4j, S3, Qdrant, Redis)', () => {
  const bucket = `doctor-${randomBytes(6).toString('hex')}`;
  let dataDir: string;
  let database: TestDatabase;
  let env: Record<string, string>;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'doctor-'));
    database = await createTestDatabase();
    await createBucket({ ...S3, endpoint: S3.endpoint! }, bucket);
    env = {
      DATA_DIR: dataDir,
      DATABASE_URL: database.url,
      ...neo4jVariables(NEO4J.uri!),
      ...s3Variables(S3.endpoint!, bucket),
      ...givenQdrant(),
      VECTOR_COLLECTION: bucket,
      REDIS_URL: REDIS_URL!,
    };
  });
  afterAll(async () => {
    await database[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true });
  });

  async function look(over: Record<string, string> = {}) {
    const lines: string[] = [];
    const code = await doctorCommand(
      ['--json'],
      { ...env, ...over },
      { out: (line) => lines.push(line), err: (line) => lines.push(line) },
    );
    const output = lines.join('\n');
    for (const secret of [CANARY, NEO4J.password, S3.secretKey, QDRANT_API_KEY].filter((each) => each !== ''))
      expect(output).not.toContain(secret);
    const { stores } = JSON.parse(output) as { stores: Diagnosis[] };
    return { code, of: (store: string) => stores.find((each) => each.store === store)! };
  }
  const text = ({ findings }: Diagnosis): string =>
    findings.map(({ what, remedy }) => `${what} ${remedy ?? ''}`).join('\n');

  test('all are well, and say which versions they are', async () => {
    const { code, of } = await look();
    for (const store of ['graph', 'vector', 'object', 'redis', 'inference']) {
      expect(text(of(store)), store).toBe('');
      expect(of(store), store).toMatchObject({ state: 'ok' });
    }
    for (const store of ['relational', 'graph', 'vector', 'redis'])
      expect(of(store).version, store).toMatch(/^\d+\.\d+/);
    expect(code).toBe(0);
  });

  test('wrong passwords, keys and buckets are told with their variables', async () => {
    const { code, of } = await look({
      NEO4J_PASSWORD: CANARY,
      S3_SECRET_KEY: CANARY,
      REDIS_URL: REDIS_URL!.replace('//', `//nobody:${CANARY}@`).replace(/(nobody:[^@]*@).*@/, '$1'),
      ...(QDRANT_API_KEY === '' ? {} : { QDRANT_API_KEY: CANARY }),
    });
    expect(code).toBe(1);
    expect(text(of('graph'))).toMatch(/NEO4J_PASSWORD/);
    expect(text(of('object'))).toMatch(/S3_ACCESS_KEY and S3_SECRET_KEY/);
    expect(text(of('redis'))).toMatch(/refused the user or password.*REDIS_URL/);
    if (QDRANT_API_KEY !== '') expect(text(of('vector'))).toMatch(/QDRANT_API_KEY/);
    expect(text((await look({ S3_BUCKET: 'nowhere-at-all' })).of('object'))).toMatch(
      /"nowhere-at-all" does not exist.*S3_BUCKET/,
    );
    expect(text((await look({ NEO4J_DATABASE: 'nowhere' })).of('graph'))).toMatch(/NEO4J_DATABASE/);
  });

  test('what it wrote to see whether it may is gone', async () => {
    const driver = neo4j.driver(NEO4J.uri!, neo4j.auth.basic(NEO4J.username, NEO4J.password));
    const { records } = await driver.executeQuery('MATCH (n) WHERE size(labels(n)) = 0 RETURN count(n) AS left');
    await driver.close();
    expect(Number(records[0]!.get('left'))).toBe(0);
    const s3 = new S3Client({
      endpoint: S3.endpoint!,
      region: S3.region,
      forcePathStyle: true,
      credentials: { accessKeyId: S3.accessKey, secretAccessKey: S3.secretKey },
    });
    expect((await s3.send(new ListObjectsV2Command({ Bucket: bucket }))).Contents ?? []).toEqual([]);
    s3.destroy();
  });
});
