/** Buckets of the S3 server at TEST_S3_ENDPOINT as a source; `npm run test:stores -- --only s3` starts one. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SourceDriver } from '#subgraphs/sources/driver.ts';
import { createS3Source } from '#subgraphs/sources/drivers/s3/index.ts';
import { buildModel } from '#subgraphs/sources/model/build.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { buildSchema } from '#subgraphs/sources/schema/index.ts';
import { createBucket } from '#tests/setup/bucket.ts';
import { fc } from '#tests/setup/property.ts';
import { S3 } from '#tests/setup/given-stores.ts';
import { random as randomFrom } from '#tests/setup/random.ts';
import { startTestServer } from '#tests/setup/server.ts';
import { shopOptions } from '#tests/setup/source-options.ts';
import { createSqliteFile } from '#tests/setup/sqlite.ts';
import { aggregate, aggregates, answered, normal, queryOf, type Kinds } from './aggregate-oracle.ts';
import { askerOf, tryQueries, type Ask } from './sources-driver.ts';
import type { Row, ShopTable } from './sources-shop.ts';

const { endpoint, accessKey, secretKey, region } = S3;
const own = randomBytes(4).toString('hex');

const FIELDS = {
  key: ['key', 'text'],
  folder: ['folder', 'text'],
  path: ['path', 'text'],
  size: ['size', 'bigint'],
  etag: ['etag', 'text'],
  lastModified: ['lastModified', 'moment'],
  storageClass: ['storageClass', 'text'],
} as const satisfies ShopTable['fields'];
const { folder: _, ...ofTenants } = FIELDS;

/** Two buckets of which the second's objects are scans of the first's, by their paths. */
const TABLES: Readonly<Record<string, ShopTable>> = {
  bills: {
    table: `bills-${own}`,
    list: 'bills',
    filter: 'BillFilter',
    key: ['key'],
    fields: ofTenants,
    links: { scan: { to: 'scans', many: false, pairs: [['path', 'path']] } },
  },
  scans: {
    table: `scans-${own}/in/`,
    list: 'scans',
    filter: 'ScanFilter',
    key: ['key'],
    fields: ofTenants,
    links: { bill: { to: 'bills', many: false, pairs: [['path', 'path']] } },
  },
};
const [BILLS, SCANS] = [`bills-${own}`, `scans-${own}`];
const FILE = `sources:
  shop:
    kind: s3
    url: SHOP_URL
    schemas: [${BILLS}, ${SCANS}/in/]
    tenancy: { column: folder }
    types:
      ${BILLS}: { name: Bill }
      ${SCANS}/in/: { name: Scan }
    links:
      - { from: ${SCANS}/in/.path, to: ${BILLS}.path, name: bill, back: scan }
`;

/** Names as people and programs give them. */
const PATHS = [
  ...[
    '2026/1.pdf',
    '2026/10.pdf',
    '2026/2.pdf',
    '2026.pdf',
    '2026-a.pdf',
    'Ärger.txt',
    'a b.txt',
    'a+b.txt',
    'a&b<c>.txt',
  ],
  ...[
    '100%.txt',
    'a%20b.txt',
    'it\'s "quoted".txt',
    'emoji 😀.txt',
    '通り.txt',
    'ﬁ.txt',
    '.hidden',
    'deep/er/and/deeper.txt',
  ],
  ...[
    'z',
    'Z',
    '~',
    '!',
    '(1).txt',
    'a=b&c=d',
    'a;b',
    'a:b',
    'a,b',
    'a@b',
    '$1',
    '#1',
    '?q=1',
    '[x]',
    '{y}',
    '^',
    '`',
    '|',
  ],
];

const urlOf = (secret = secretKey, path = ''): string =>
  `${endpoint!.replace(/^https?:\/\//, `s3+http://${encodeURIComponent(accessKey)}:${encodeURIComponent(secret)}@`)}/${path}?region=${region}`;
const optionsOf = (changes: object = {}) => shopOptions(urlOf(), changes);

if (!endpoint) describe.skip('a source: s3', () => test('needs TEST_S3_ENDPOINT', () => undefined));
else
  describe('a source: s3', () => {
    const client = new S3Client({
      endpoint,
      region,
      forcePathStyle: true,
      credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    });
    const put = (Bucket: string, Key: string, Body: string, more: object = {}) =>
      client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
    const driver: SourceDriver = createS3Source(optionsOf());
    let tenants: Record<string, Record<string, Row[]>>;
    let ask: Ask;

    const schemaOf = async (file: string, from: SourceDriver, schemas: string[] = [BILLS, `${SCANS}/in/`]) =>
      buildSchema(buildModel('shop', parseSources(file, 'sources.yaml'), await from.introspect(schemas)), from);

    beforeAll(async () => {
      for (const bucket of [BILLS, SCANS]) await createBucket({ endpoint, region, accessKey, secretKey }, bucket);
      const random = randomFrom(7);
      for (const tenant of ['acme', 'other', 'acme-2'])
        for (const [index, path] of PATHS.entries()) {
          await put(BILLS, `${tenant}/${path}`, 'x'.repeat(1 + Math.floor(random() * 4)), {
            ContentType: index % 2 === 0 ? 'application/pdf' : undefined,
            Metadata: index % 3 === 0 ? { customer: `${tenant} ${index}` } : undefined,
          });
          if (random() < 0.4) await put(SCANS, `in/${tenant}/${path}`, String(index));
          if (random() < 0.1) await put(SCANS, `out/${tenant}/${path}`, String(index));
        }
      // Of nobody: no folder, and another prefix.
      await put(BILLS, 'acm', 'x');
      await put(SCANS, 'index', 'x');
      tenants = {};
      for (const tenant of ['acme', 'other'])
        tenants[tenant] = {
          bills: await rowsOf(BILLS, `${tenant}/`),
          scans: await rowsOf(SCANS, `in/${tenant}/`),
        };
      ask = askerOf(await schemaOf(FILE, driver));
    }, 120_000);
    afterAll(async () => {
      await driver.close();
      client.destroy();
    });

    /** As the server itself lists them. */
    async function rowsOf(Bucket: string, Prefix: string): Promise<Row[]> {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix }));
      return Contents.map(({ Key, Size, ETag, LastModified }) => ({
        key: Key!,
        path: Key!.slice(Prefix.length),
        size: Size!,
        etag: ETag!.replaceAll('"', ''),
        lastModified: new Date(Math.floor(LastModified!.getTime() / 1_000) * 1_000).toISOString(),
        storageClass: 'STANDARD',
      }));
    }

    test('answers random queries as rows in memory do: filters, orders, pages, links, of each tenant', async () => {
      expect(tenants['acme']!['bills']).toHaveLength(PATHS.length);
      await tryQueries(TABLES, { count: Number(process.env['SOURCE_QUERIES'] ?? 100), tenants, ask });
    }, 300_000);

    test('answers random aggregates as rows in memory do, of what a list of the bucket tells', async () => {
      const { folder: __, ...fields } = FIELDS;
      const kinds = Object.fromEntries(Object.entries(fields).map(([field, [, kind]]) => [field, kind])) as Kinds;
      const rows = tenants['acme']!['bills']!;
      await fc.assert(
        fc.asyncProperty(aggregates(kinds, rows), async (wanted) => {
          const { data, errors } = await ask(queryOf('bills', wanted));
          expect(errors).toBeUndefined();
          const found = answered(data.billsAggregate, wanted, true);
          expect(normal(found, wanted, kinds)).toEqual(normal(aggregate(rows, wanted, kinds), wanted, kinds));
        }),
        { numRuns: 40 },
      );
    });

    test('what begins with a key is asked for by it, and pages read no more than they show', async () => {
      const counted = async (text: string) => await ask(text);
      const one = await counted(
        '{ bills(where: { path: { eq: "2026/1.pdf" } }) { nodes { key size contentType metadata } } }',
      );
      expect(one).toMatchObject({ statements: 1, errors: undefined });
      expect(one.data.bills.nodes).toEqual([
        {
          key: 'acme/2026/1.pdf',
          size: expect.any(Number),
          contentType: 'application/pdf',
          metadata: { customer: 'acme 0' },
        },
      ]);
      const some = await counted(
        '{ bills(where: { path: { startsWith: "2026/" } }, first: 2) { nodes { path } pageInfo { hasNextPage } } }',
      );
      expect(some).toMatchObject({ statements: 1 });
      expect(some.data.bills).toEqual({
        nodes: [{ path: '2026/1.pdf' }, { path: '2026/10.pdf' }],
        pageInfo: { hasNextPage: true },
      });
      // A page of a bucket that holds more than may be looked at.
      const few = createS3Source(optionsOf({ scanned: 5 }));
      const askFew = askerOf(await schemaOf(FILE, few));
      const seen: string[] = [];
      for (let after: string | null = null; ;) {
        const { data, errors } = await askFew(`query($after: String) { bills(first: 4, after: $after) { nodes { path } pageInfo { hasNextPage endCursor } } }`, { after }); // prettier-ignore
        expect(errors).toBeUndefined();
        seen.push(...data.bills.nodes.map(({ path }: { path: string }) => path));
        if (!data.bills.pageInfo.hasNextPage) break;
        after = data.bills.pageInfo.endCursor;
      }
      expect(seen).toEqual(tenants['acme']!['bills']!.map(({ path }) => path));
      expect((await askFew('{ bills(orderBy: [{ field: SIZE }]) { nodes { key } } }')).errors).toMatchObject([
        { message: expect.stringMatching(/more than 5 rows of bills/), extensions: { code: 'QUERY_TOO_COSTLY' } },
      ]);
      await few.close();
    });

    test('no key, path, prefix or link leads to objects of another tenant', async () => {
      for (const where of [
        '{ key: { eq: "other/z" } }',
        '{ key: { in: ["other/z", "acme-2/z", "acm"] } }',
        '{ key: { startsWith: "other/" } }',
        '{ path: { eq: "../other/z" } }',
        '{ path: { in: ["../other/z", "./z", "/z", "2026/../z", "%2e%2e/other/z", "..%2fother/z"] } }',
        '{ path: { startsWith: "../" } }',
        '{ path: { startsWith: "../other/" } }',
        '{ path: { gte: "../other/z", lte: "../other/z" } }',
        '{ or: [{ key: { eq: "other/z" } }, { key: { gt: "acme/\uffff" } }] }',
        '{ key: { lt: "acme/" } }',
      ])
        expect((await ask(`{ bills(where: ${where}) { totalCount nodes { key } } }`)).data, where).toEqual({ bills: { totalCount: 0, nodes: [] } }); // prettier-ignore
      expect((await ask('{ bill(key: "other/z") { key } up: bill(key: "acme/../other/z") { contentType metadata } scan(key: "in/other/z") { key } }')).data).toEqual({ bill: null, up: null, scan: null }); // prettier-ignore
      for (const nobody of ['nobody', 'acm', 'ACME', ''])
        expect((await ask('{ bills { totalCount } scans { totalCount } }', {}, nobody)).data, nobody).toEqual({ bills: { totalCount: 0 }, scans: { totalCount: 0 } }); // prettier-ignore
    });

    test('keys that no object can have are none, and the longest, odd and empty are told apart', async () => {
      for (const key of [
        'acme/',
        'acme//',
        'acme/../other/z',
        'acme/\\u0001',
        'acme/../z',
        'acme/' + 'ä'.repeat(900),
        'acme/z/',
        'acme/z/z',
      ]) {
        const { data, errors } = await ask(`{ bill(key: "${key}") { key } }`);
        expect(errors, key).toBeUndefined();
        expect(data, key).toEqual({ bill: null });
      }
      expect((await ask('{ bills(where: { key: { startsWith: "" } }) { totalCount } }')).data.bills.totalCount).toBe(PATHS.length); // prettier-ignore
      expect((await ask('{ bills(where: { key: { in: [] } }) { totalCount } }')).data.bills.totalCount).toBe(0);
    });

    test('a bucket of one tenant, or shared, has folders as a column', async () => {
      const shared = FILE.replace('tenancy: { column: folder }', 'tenancy: shared').replace(/ {4}links:[^]*/, '');
      const askAll = askerOf(await schemaOf(shared, driver));
      const { data } = await askAll(
        '{ bills(where: { folder: { in: ["acme", "acme-2"] }, path: { eq: "z" } }) { nodes { key folder path } } none: bills(where: { folder: { isNull: true } }) { nodes { key path } } scans(where: { folder: { startsWith: "oth" } }) { totalCount } }', // prettier-ignore
      );
      expect(data).toEqual({
        bills: { nodes: [{ key: 'acme-2/z', folder: 'acme-2', path: 'z' }, { key: 'acme/z', folder: 'acme', path: 'z' }] }, // prettier-ignore
        none: { nodes: [{ key: 'acm', path: 'acm' }] },
        scans: { totalCount: tenants['other']!['scans']!.length },
      });
      const one = FILE.replace('tenancy: { column: folder }', 'tenancy: { tenant: acme }').replace(
        / {4}links:[^]*/,
        '',
      );
      const askOne = askerOf(await schemaOf(one, driver));
      expect((await askOne('{ bills { totalCount } }', {}, 'other')).data.bills.totalCount).toBe(0);
      expect((await askOne('{ bills { totalCount } }')).data.bills.totalCount).toBeGreaterThan(PATHS.length * 3 - 1);
    });

    test('all buckets, the one of the URL, and those that are named; one that is not there is told with its line', async () => {
      const names = async (url: string, schemas: string[]) => {
        const at = createS3Source(optionsOf({ url: () => url }));
        const { tables } = await at.introspect(schemas);
        expect(await at.health()).toMatchObject({ store: 'shop', state: 'ok' });
        await at.close();
        return tables.map(({ name }) => name);
      };
      expect(await names(urlOf(), [])).toEqual(expect.arrayContaining([BILLS, SCANS]));
      expect(await names(urlOf(secretKey, BILLS), [])).toEqual([BILLS]);
      expect(await names(urlOf(), [`${SCANS}/in/`, 'no-such-bucket-here'])).toEqual([`${SCANS}/in/`]);
      const gone = FILE.replaceAll(`${SCANS}/in/`, 'no-such-bucket-here');
      await expect(schemaOf(gone, driver, [BILLS, 'no-such-bucket-here'])).rejects.toThrow(/sources\.yaml:9: shop: there is no table or view "no-such-bucket-here"/); // prettier-ignore
    });

    test('a wrong secret, a bucket that has gone, and nobody there are told, without the secret', async () => {
      for (const [url, told] of [
        [urlOf('s3cret-word'), /refused the access key or its secret: check those in SHOP_URL/],
        ['s3+http://a:s3cret-word@127.0.0.1:1', /runs at SHOP_URL/],
        ['s3://a:s3cret-word@no-such-host.invalid', /runs at SHOP_URL/],
      ] as const) {
        const away = createS3Source(optionsOf({ url: () => url }));
        const error = (await away.introspect([]).catch((reason: unknown) => reason)) as { code: string; extensions: { hint: string } }; // prettier-ignore
        expect(error, url).toMatchObject({ code: 'STORE_UNAVAILABLE' });
        expect(error.extensions.hint).toMatch(told);
        expect(JSON.stringify([error, await away.health()])).not.toContain('s3cret-word');
        await away.close();
      }
      for (const url of [
        's3://',
        's3://host',
        's3://a@host',
        's3://a:b@[/x',
        's3://a:b@host?zone=1',
        's3://a:%E0%A4%A@host',
      ])
        expect(() => createS3Source(optionsOf({ url: () => url })), url).toThrow(/URL of the source shop/);
      const model = buildModel('shop', parseSources(FILE.replaceAll(BILLS, 'gone-bucket'), 'sources.yaml'), {
        ...(await driver.introspect([BILLS, `${SCANS}/in/`])),
        tables: (await driver.introspect([BILLS, `${SCANS}/in/`])).tables.map((table) =>
          table.name === BILLS ? { ...table, id: 'gone-bucket', name: 'gone-bucket' } : table,
        ),
      });
      const { errors, data } = await askerOf(buildSchema(model, driver))('{ bills { nodes { key } } scans(first: 1) { nodes { key } } }'); // prettier-ignore
      expect(errors).toMatchObject([{ extensions: { code: 'STORE_UNAVAILABLE' }, message: expect.stringMatching(/"gone-bucket" is gone/) }]); // prettier-ignore
      expect(data.scans.nodes).toHaveLength(1);
    });

    test('docs/sources.md says what is answered, by links from another store', async () => {
      const page = readFileSync(new URL('../../docs/sources.md', import.meta.url), 'utf8');
      const [, sql, yaml, query, answer] =
        /## Buckets of S3[^]*?```sql\n([^]*?)```[^]*?```yaml\n([^]*?)```\s+```graphql\n([^]*?)```\s+```json\n([^]*?)```/.exec(page)!; // prettier-ignore
      const bucket = `docs-${own}`;
      await createBucket({ endpoint, region, accessKey, secretKey }, bucket);
      await put(bucket, 'default/2026/offer.txt', 'Dear Ada', { ContentType: 'text/plain', Metadata: { pages: '1' } }); // prettier-ignore
      for (const key of ['default/2026/blank.txt', 'other/threat.txt']) await put(bucket, key, 'x');
      await using office = await createSqliteFile();
      office.client.exec(sql!);
      const folder = await mkdtemp(join(tmpdir(), 'tributary-buckets-'));
      // The bucket of the page has its own name here.
      const file = yaml!.replace('[scans]', `[${bucket}]\n    types: { ${bucket}: { name: Scan } }`);
      await writeFile(join(folder, 'sources.yaml'), file.replace('files.scans.', `files.${bucket}.`));
      await using it = await startTestServer({
        SOURCES: join(folder, 'sources.yaml'),
        OFFICE_DATABASE_URL: office.url,
        FILES_URL: urlOf(),
      });
      const response = await fetch(`${it.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      });
      expect(await response.json()).toEqual(JSON.parse(answer!));
      await rm(folder, { recursive: true });
    });
  });
