/**
 * Faults between a whole server and its real stores: what one store suffers costs that store's fields and nothing else,
 * answers stay truthful and come within the time-out, and everything recovers by itself. Prints the figures of
 * docs/reliability.md.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { graphql } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { createObject } from '#subgraphs/object/index.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { startS3 } from '#tests/stores/provision/s3.ts';
import { openWorkplace } from '#tests/stores/provision/workplace.ts';
import { createBucket } from '#tests/setup/bucket.ts';
import { NEO4J, S3, neo4jVariables, s3Variables } from '#tests/setup/given-stores.ts';
import { ask as askAt, p50, startWriters, STORE_CODES, type Answer } from './asking.ts';
import { startProxy, type Proxy, type Toxic } from './toxiproxy.ts';

const { TEST_TOXIPROXY_URL } = process.env;

/** Longest time for one request of the server under test, in milliseconds. */
const TIMEOUT_MS = 8_000;
const POOL = 6;
/** One field for each store. */
const FIELDS = {
  postgres: 'documents(first: 5) { edges { node { id title } } }',
  neo4j: 'entities(first: 5) { edges { node { id name } } }',
  s3: 'objects(first: 5) { edges { node { key sizeBytes } } }',
  none: 'embed(input: ["a word"]) { dimensions }',
} as const;
type Name = 'postgres' | 'neo4j' | 's3';
const ROOT: Record<Name | 'none', string> = { postgres: 'documents', neo4j: 'entities', s3: 'objects', none: 'embed' };

describe.skipIf(!NEO4J.uri || !S3.endpoint || !TEST_TOXIPROXY_URL)('faults between the server and its stores', () => {
  const run = randomBytes(4).toString('hex');
  const figures: string[] = [];
  let folder: string;
  let postgres: EmbeddedPostgres;
  let proxies: Record<Name, Proxy>;
  let server: TestServer;
  let truth: Record<Name, unknown>;
  const startPostgres = () => startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), settings: { fsync: 'off' } });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-faults-'));
    postgres = await startPostgres();
    proxies = {
      postgres: await startProxy(TEST_TOXIPROXY_URL!, new URL(postgres.url).host),
      neo4j: await startProxy(TEST_TOXIPROXY_URL!, new URL(NEO4J.uri!).host),
      s3: await startProxy(TEST_TOXIPROXY_URL!, new URL(S3.endpoint!).host),
    };
    await createBucket({ ...S3, endpoint: S3.endpoint! }, `faults-${run}`);
    const at = (name: Name) => `${proxies[name].host}:${proxies[name].port}`;
    server = await startTestServer({
      DATABASE_URL: Object.assign(new URL(postgres.url), { host: at('postgres') }).href,
      POSTGRES_POOL_SIZE: String(POOL),
      ...neo4jVariables(`bolt://${at('neo4j')}`),
      ...s3Variables(`http://${at('s3')}`, `faults-${run}`),
      REQUEST_TIMEOUT_MS: String(TIMEOUT_MS),
      LOG_LEVEL: 'silent',
    });
    for (let n = 0; n < 8; n++) {
      const input = {
        title: `Document ${n}`,
        source: `${n}.md`,
        mediaType: 'text/markdown',
        text: `Text ${n}.`,
        entities: [{ name: `entity-${n}`, kind: 'topic' }],
      };
      expect(
        (
          await ask('mutation ($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }', {
            input,
          })
        ).errors,
      ).toBeUndefined();
    }
    // The fields that hold the truth are those that nothing changes any more.
    await vi.waitFor(
      async () => {
        const { data } = await ask(
          `{ ${FIELDS.postgres} documentsIndexed: documents(first: 8) { edges { node { indexing { state } } } } }`,
        );
        const states = (
          data!['documentsIndexed'] as { edges: { node: { indexing: { state: string }[] } }[] }
        ).edges.flatMap(({ node }) => node.indexing.map(({ state }) => state));
        expect(new Set(states)).toEqual(new Set(['DONE']));
      },
      { timeout: 30_000, interval: 200 },
    );
    const { data } = await ask(`{ ${Object.values(FIELDS).join(' ')} }`);
    truth = { postgres: data!['documents'], neo4j: data!['entities'], s3: data!['objects'] };
    for (const value of Object.values(truth)) expect((value as { edges: unknown[] }).edges.length).toBeGreaterThan(0);
  }, 120_000);

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    for (const proxy of Object.values(proxies ?? {})) await proxy[Symbol.asyncDispose]();
    await postgres?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
    console.log(
      [
        '',
        "| store | fault | answers | codes | slowest answer | other stores' fields, p50 (before) | recovered after |",
        '| --- | --- | --- | --- | --- | --- | --- |',
        ...figures,
        '',
      ].join('\n'),
    );
  });

  const ask = (query: string, variables?: Record<string, unknown>): Promise<Answer> =>
    askAt(server.url, query, variables);

  /**
   * An answer says the truth about each store or says why it does not; the fields of stores that are well have no
   * excuse.
   */
  function check({ data, errors = [], ms }: Answer, sick: Name): 'whole' | 'partial' {
    expect(ms).toBeLessThan(TIMEOUT_MS + 5_000);
    for (const name of ['postgres', 'neo4j', 's3'] as const) {
      const value = data?.[ROOT[name]] ?? null;
      if (value !== null || name !== sick) {
        expect(value, name).toEqual(truth[name]);
        continue;
      }
      const error = errors.find(({ path }) => path?.[0] === ROOT[name]);
      expect(STORE_CODES, JSON.stringify(errors)).toContain(error?.extensions.code);
    }
    expect(data?.['embed']).toEqual([{ dimensions: 384 }]);
    return data?.[ROOT[sick]] == null ? 'partial' : 'whole';
  }

  const others = (sick: Name): string =>
    Object.entries(FIELDS)
      .flatMap(([name, field]) => (name === sick ? [] : [field]))
      .join(' ');
  async function latencyOfOthers(sick: Name, times = 15): Promise<number> {
    const times_: number[] = [];
    for (let n = 0; n < times; n++) {
      const answer = await ask(`{ ${others(sick)} }`);
      expect(answer.errors).toBeUndefined();
      times_.push(answer.ms);
    }
    return p50(times_);
  }

  /** Waits until everything is answered whole again, with nothing restarted. */
  async function recovery(): Promise<number> {
    const began = performance.now();
    await vi.waitFor(
      async () => {
        const { data, errors } = await ask(`{ ${Object.values(FIELDS).join(' ')} }`);
        expect(errors).toBeUndefined();
        for (const name of ['postgres', 'neo4j', 's3'] as const) expect(data![ROOT[name]]).toEqual(truth[name]);
      },
      { timeout: 30_000, interval: 50 },
    );
    return performance.now() - began;
  }

  async function figure(
    store: Name,
    fault: string,
    answers: Answer[],
    before: number,
    during: number,
    recovered: number,
  ): Promise<void> {
    const kinds = answers.map((answer) => check(answer, store));
    const codes = new Set(answers.flatMap(({ errors = [] }) => errors.map(({ extensions }) => extensions.code)));
    const whole = kinds.filter((kind) => kind === 'whole').length;
    const slowest = Math.max(...answers.map(({ ms }) => ms));
    figures.push(
      `| ${store} | ${fault} | ${whole} whole, ${kinds.length - whole} partial | ${[...codes].map((code) => `\`${code}\``).join(', ') || '–'} | ${Math.round(slowest)} ms | ${during.toFixed(1)} ms (${before.toFixed(1)} ms) | ${Math.round(recovered)} ms |`,
    );
    expect(during).toBeLessThan(before * 5 + 250);
  }

  const TOXICS: [string, Toxic | undefined][] = [
    ['refused', undefined],
    ['slow (5 s)', { type: 'latency', attributes: { latency: 5_000 } }],
    // Not Toxiproxy's `timeout`, which passes on that a server closes.
    ['silent', { type: 'latency', attributes: { latency: 300_000 } }],
    ['cut mid-answer', { type: 'limit_data', attributes: { bytes: 150 } }],
  ];
  describe.each(['postgres', 'neo4j', 's3'] as const)('%s', (store) => {
    test.each(TOXICS)(
      '%s',
      async (fault, toxic) => {
        const before = await latencyOfOthers(store);
        if (toxic === undefined) await proxies[store].down();
        else await proxies[store].poison(toxic);
        const asked = Array.from({ length: 3 }, () => ask(`{ ${Object.values(FIELDS).join(' ')} }`));
        const during = await latencyOfOthers(store);
        const answers = await Promise.all(asked);
        if (toxic === undefined) await proxies[store].up();
        else await proxies[store].cure();
        await figure(store, fault, answers, before, during, await recovery());
      },
      60_000,
    );

    test('flapping', async () => {
      const before = await latencyOfOthers(store);
      let flapping = true;
      const flaps = (async () => {
        for (let n = 0; n < 8; n++) {
          await proxies[store].down();
          await delay(100);
          await proxies[store].up();
          await delay(200);
        }
        flapping = false;
      })();
      const answers: Answer[] = [];
      const during: number[] = [];
      while (flapping) {
        answers.push(await ask(`{ ${Object.values(FIELDS).join(' ')} }`));
        during.push((await ask(`{ ${others(store)} }`)).ms);
      }
      await flaps;
      await figure(store, 'flapping', answers, before, p50(during), await recovery());
    }, 60_000);
  });

  test('PostgreSQL, killed with SIGKILL and restarted under load: every acknowledged write is there', async () => {
    const answers: Answer[] = [];
    let going = true;
    const reader = async (): Promise<void> => {
      while (going) {
        answers.push(await ask(`{ ${Object.values(FIELDS).join(' ')} }`));
        await delay(20);
      }
    };
    const before = await latencyOfOthers('postgres');
    const load = startWriters(3, (value) =>
      ask('mutation ($input: RememberFactInput!) { rememberFact(input: $input) { fact { id } } }', {
        input: { key: value, value },
      }),
    );
    const { acknowledged, codes } = load;
    const reading = reader();
    let during = 0;
    let recovered = 0;
    try {
      await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(20), { timeout: 20_000 });
      const pid = Number(
        (await readFile(join(folder, 'postgres', 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0],
      );
      process.kill(pid, 'SIGKILL');
      await postgres.exited;
      const killedAt = acknowledged.length;
      during = await latencyOfOthers('postgres', 5);
      await postgres.close();
      postgres = await startPostgres();
      const restarted = performance.now();
      await proxies.postgres.up(new URL(postgres.url).host);
      await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(killedAt + 20), { timeout: 30_000 });
      recovered = performance.now() - restarted;
    } finally {
      going = false;
      await Promise.all([load.stop(), reading]);
    }
    const client = new pg.Client(postgres.url);
    await client.connect();
    const { rows } = await client.query<{ key: string }>('SELECT key FROM relational.memory_facts');
    await client.end();
    const kept = new Set(rows.map(({ key }) => key));
    expect(acknowledged.filter((key) => !kept.has(key))).toEqual([]);
    for (const code of codes) expect([...STORE_CODES, 'CONFLICT']).toContain(code);
    await figure(
      'postgres',
      `\`kill -9\`, restarted (${acknowledged.length} acknowledged writes, all kept)`,
      answers,
      before,
      during,
      recovered,
    );
  }, 90_000);

  test('S3, killed with SIGKILL and restarted under load: every acknowledged write is there', async () => {
    const workplace = await openWorkplace(() => undefined);
    const keys = { access: 'killed', secret: randomBytes(12).toString('hex') };
    const start = () => startS3(workplace, join(workplace.data, 's3'), keys);
    let s3 = await start();
    const proxy = await startProxy(TEST_TOXIPROXY_URL!, `127.0.0.1:${s3.port}`);
    await createBucket(
      {
        endpoint: `http://127.0.0.1:${s3.port}`,
        region: 'eu-test-1',
        accessKey: keys.access,
        secretKey: keys.secret,
      },
      'killed',
    );
    const subgraph = await createObject({
      driver: {
        kind: 's3',
        endpoint: `http://127.0.0.1:${proxy.port}`,
        accessKey: keys.access,
        secretKey: keys.secret,
        bucket: 'killed',
        region: 'eu-test-1',
      },
    });
    const acknowledged: string[] = [];
    const codes = new Set<unknown>();
    let slowest = 0;
    let going = true;
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are looked into, and a wrong shape fails the test
    const onS3 = async (source: string): Promise<{ data?: Record<string, any> | null }> => {
      const began = performance.now();
      const contextValue = createRequestContext({ tenantId: 'a', subject: 'test', roles: [], scopes: [] });
      const { data, errors } = await graphql({ schema: subgraph.schema, source, contextValue });
      slowest = Math.max(slowest, performance.now() - began);
      for (const { extensions } of errors ?? []) codes.add(extensions['code']);
      if (errors) await delay(50);
      return { data };
    };
    const writer = async (id: number): Promise<void> => {
      for (let n = 0; going; n++) {
        const { data } = await onS3(
          `mutation { putObject(input: { key: "w/${id}-${n}", contentType: "text/plain", content: "${id}-${n}", encoding: UTF8 }) { object { key } } }`,
        );
        if (data?.['putObject']) acknowledged.push(`${id}-${n}`);
      }
    };
    const load = [writer(1), writer(2), writer(3)];
    let recovered = 0;
    try {
      await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(20), { timeout: 20_000 });
      await s3.close();
      await delay(300);
      const killedAt = acknowledged.length;
      s3 = await start();
      const restarted = performance.now();
      await proxy.up(`127.0.0.1:${s3.port}`);
      await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(killedAt + 20), { timeout: 30_000 });
      recovered = performance.now() - restarted;
    } finally {
      going = false;
      await Promise.all(load);
    }
    for (const key of acknowledged)
      expect((await onS3(`{ object(key: "w/${key}") { text } }`)).data?.['object']?.text, key).toBe(key);
    expect([...codes].filter((code) => !STORE_CODES.includes(code as string))).toEqual([]);
    figures.push(
      `| s3 | \`kill -9\`, restarted (${acknowledged.length} acknowledged writes, all kept) | – | ${[...codes].map((code) => `\`${String(code)}\``).join(', ')} | ${Math.round(slowest)} ms | – | ${Math.round(recovered)} ms |`,
    );
    await subgraph.close();
    await proxy[Symbol.asyncDispose]();
    await s3.close();
    await workplace.close();
  }, 90_000);

  test('a pool that is exhausted: every request is answered, and no connection is left over', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => ask(`{ ${FIELDS.postgres} }`)));
    for (const { data, errors } of answers)
      expect(data?.['documents'] ?? errors?.[0]?.extensions.code).toEqual(
        data?.['documents'] ? truth.postgres : 'STORE_TIMEOUT',
      );
    expect(answers.filter(({ data }) => data?.['documents']).length).toBeGreaterThan(0);
    const client = new pg.Client(postgres.url);
    await client.connect();
    const { rows } = await client.query<{ count: number; busy: number }>(
      `SELECT count(*)::int AS count, count(*) FILTER (WHERE state <> 'idle')::int AS busy FROM pg_stat_activity WHERE application_name = 'tributary' AND backend_type = 'client backend'`,
    );
    await client.end();
    // The pool, and the connection that listens for runs.
    expect(rows[0]!.count).toBeLessThanOrEqual(POOL + 2);
    figures.push(
      `| postgres | 200 requests at once on a pool of ${POOL} | ${answers.filter(({ errors }) => !errors).length} whole | – | ${Math.round(Math.max(...answers.map(({ ms }) => ms)))} ms | – | ${rows[0]!.count} connections left |`,
    );
  }, 60_000);
});
