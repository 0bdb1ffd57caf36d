/** `npm run erase-tenant` on real stores, while somebody writes as the tenant: nothing of it is left, everything of another is as it was. */
import { randomBytes } from 'node:crypto';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { QdrantClient } from '@qdrant/js-client-rest';
import { Redis } from 'ioredis';
import neo4j, { type Driver } from 'neo4j-driver';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eraseCommand } from '#ops/erasure/command.ts';
import { createBucket } from '#tests/setup/bucket.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { givenQdrant, NEO4J, neo4jVariables, S3, s3Variables } from '#tests/setup/given-stores.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { rowsOf, rowsWith, writeDocument, writeEverything } from '#tests/setup/tenant-data.ts';

const { QDRANT_URL, QDRANT_API_KEY } = givenQdrant();
const REDIS_URL = process.env['TEST_REDIS_URL'];
const isGiven = [NEO4J.uri, S3.endpoint, QDRANT_URL, REDIS_URL].every((given) => given !== undefined);

describe.skipIf(!isGiven)('erasing a tenant (Neo4j, S3, Qdrant, Redis)', () => {
  const run = randomBytes(6).toString('hex');
  // Words of this run alone: the servers may hold what other suites have left.
  const [GONE, KEPT] = [`canaryquetzal${run}`, `canaryokapi${run}`];
  const [gone, kept] = [`gone-${run}`, `kept-${run}`];
  const bucket = `erasure-${run}`;
  let server: TestServer;
  let env: Record<string, string>;
  let graph: Driver;
  let s3: S3Client;
  let qdrant: QdrantClient;
  let redis: Redis;

  beforeAll(async () => {
    await createBucket({ ...S3, endpoint: S3.endpoint! }, bucket);
    const given = {
      ...neo4jVariables(NEO4J.uri!),
      ...s3Variables(S3.endpoint!, bucket),
      ...givenQdrant(),
      VECTOR_COLLECTION: bucket,
      REDIS_URL: REDIS_URL!,
      INDEXING_CALL_TIMEOUT_MS: '5000',
    };
    server = await startTestServer(given);
    env = { ...given, DATABASE_URL: server.databaseUrl, DATA_DIR: server.dataDir, LOG_LEVEL: 'error' };
    graph = neo4j.driver(NEO4J.uri!, neo4j.auth.basic(NEO4J.username, NEO4J.password));
    s3 = new S3Client({
      endpoint: S3.endpoint!,
      region: S3.region,
      forcePathStyle: true,
      credentials: { accessKeyId: S3.accessKey, secretAccessKey: S3.secretKey },
    });
    const { protocol, hostname, port } = new URL(QDRANT_URL!);
    qdrant = new QdrantClient({
      url: `${protocol}//${hostname}`,
      port: Number(port),
      checkCompatibility: false,
      ...(QDRANT_API_KEY ? { headers: { 'api-key': QDRANT_API_KEY } } : {}),
    });
    redis = new Redis(REDIS_URL!);
    await writeEverything(server, gone, GONE);
    await writeEverything(server, `${gone}.north`, GONE);
    await writeEverything(server, kept, KEPT);
    await delivered(server);
    // What no key of the API names, and what limits count.
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: `${gone}/odd:${GONE}\\é`, Body: GONE }));
    await redis.set(`tributary:rate:tenant ${gone}`, GONE);
    await redis.set(`tributary:rate:principal ${gone}/somebody`, GONE);
    await redis.set(`tributary:rate:tenant ${kept}`, KEPT);
  }, 120_000);
  afterAll(async () => {
    if (env !== undefined) for (const tenant of [gone, kept]) await erase('--tenant', tenant, '--yes');
    await server?.[Symbol.asyncDispose]();
    await graph?.close();
    redis?.disconnect();
    s3?.destroy();
  });

  async function erase(...args: string[]) {
    const [lines, errors]: [string[], string[]] = [[], []];
    const output = { out: (line: string) => void lines.push(line), err: (line: string) => void errors.push(line) };
    return { code: await eraseCommand(args, env, output), told: lines.join('\n'), errors: errors.join('\n') };
  }

  /** Everything in which the word or the tenant stands, as texts, by store. */
  async function everythingWith(word: string, tenant: string) {
    const holds = (text: string): boolean => text.includes(word) || text.includes(tenant);
    const { records } = await graph.executeQuery('MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN n, collect(r) AS r');
    const objects: string[] = [];
    for (const { Key } of (await s3.send(new ListObjectsV2Command({ Bucket: bucket }))).Contents ?? []) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
      objects.push(`${Key}: ${await Body!.transformToString('latin1')}`);
    }
    const points: string[] = [];
    for (const { name } of (await qdrant.getCollections()).collections) {
      if (!name.startsWith(bucket)) continue;
      const { points: page } = await qdrant.scroll(name, { limit: 10_000, with_payload: true });
      points.push(...page.map((point) => `${name}: ${JSON.stringify([point.id, point.payload])}`));
    }
    const keys = await redis.keys('*');
    return {
      graph: records
        .map((record) => JSON.stringify(record.toObject()))
        .filter(holds)
        .sort(),
      objects: objects.filter(holds).sort(),
      points: points.filter(holds).sort(),
      keys: keys.filter(holds).sort(),
    };
  }
  const others = async () => ({
    rows: await rowsOf(server.databaseUrl, kept),
    stores: await everythingWith(KEPT, kept),
  });

  test('what is written meanwhile is erased too, in every store', async () => {
    const before = await others();
    for (const [store, found] of Object.entries(before.stores)) expect(found.length, store).toBeGreaterThan(0);
    const there = await everythingWith(GONE, gone);
    for (const [store, found] of Object.entries(there)) expect(found.length, store).toBeGreaterThan(0);
    const counted = await erase('--tenant', gone);
    expect(JSON.parse(counted.told)).toMatchObject({ tenantIds: [gone, `${gone}.north`] });
    expect(await everythingWith(GONE, gone)).toEqual(there);

    const writing = new AbortController();
    let written = 0;
    const writer = (async () => {
      while (!writing.signal.aborted) await writeDocument(server, gone, `meanwhile-${(written += 1)}`, GONE);
    })();
    const first = await erase('--tenant', gone, '--yes');
    writing.abort();
    await writer;
    expect(written).toBeGreaterThan(0);
    // Whoever wrote behind its end is told of: his access was to be ended first.
    expect(first.errors).toMatch(/Somebody still writes as gone-/);
    expect(first.code).toBe(1);
    await delivered(server);

    const { code, errors, told } = await erase('--tenant', gone, '--yes');
    expect(errors).toMatch(/Everything of gone-.* is erased/);
    expect(code).toBe(0);
    expect(JSON.parse(told)).toMatchObject({ complete: true, left: {} });
    expect(await everythingWith(GONE, gone)).toEqual({ graph: [], objects: [], points: [], keys: [] });
    expect(await rowsWith(server.databaseUrl, GONE, gone)).toEqual({});
    expect(await others()).toEqual(before);
  }, 180_000);

  test('a store that is away leaves it to be gone on with', async () => {
    await writeEverything(server, gone, GONE);
    await delivered(server);
    const whole = env;
    env = { ...whole, NEO4J_URI: 'bolt://127.0.0.1:1' };
    expect(await erase('--tenant', gone, '--yes')).toMatchObject({ code: 2 });
    env = whole;
    expect(await erase('--tenant', gone, '--yes')).toMatchObject({ code: 0 });
    expect(await everythingWith(GONE, gone)).toEqual({ graph: [], objects: [], points: [], keys: [] });
    expect(await rowsWith(server.databaseUrl, GONE, gone)).toEqual({});
  }, 120_000);
});
