/** `npm run doctor`: what it says of stores that are there, and of those that are not, or are something else. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { MIGRATIONS } from '#gateway/mount/migrations.ts';
import { openStores } from '#ops/reconcile/open-stores.ts';
import { doctorCommand } from '#ops/doctor/command.ts';
import { diagnose, type Diagnosis } from '#ops/doctor/diagnosis.ts';
import { startIssuer } from '#tests/gateway/issuer.ts';
import { startOtlpReceiver } from '#tests/setup/otlp-receiver.ts';
import { freePort } from '#tests/stores/provision/server.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';

const CANARY = 'Canary-7f3a-secret-0123456789-0123456789';
/** Accepts connections and never answers; answers everything with a page. */
let [silent, page]: [Server, HttpServer] = [undefined!, undefined!];
const sockets = new Set<Socket>();
let folder: string;
let database: TestDatabase;

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'doctor-'));
  silent = createServer((socket) => void sockets.add(socket.on('error', () => undefined)));
  page = createHttpServer((_, response) => response.end('<html>Welcome</html>'));
  for (const server of [silent, page]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  database = await createTestDatabase();
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  page.closeAllConnections();
  page.close();
  rmSync(folder, { recursive: true, force: true });
  await database[Symbol.asyncDispose]();
});

/** Looks, with no data folder but one that does not exist; nothing of what it prints may hold the canary. */
async function run(env: Record<string, string>, ...args: string[]) {
  const [lines, errors]: [string[], string[]] = [[], []];
  const code = await doctorCommand(
    args,
    { DATA_DIR: join(folder, 'none'), ...env },
    { out: (line) => lines.push(line), err: (line) => errors.push(line) },
  );
  const [output, told] = [lines.join('\n'), errors.join('\n')];
  expect(`${output}${told}`).not.toContain(CANARY);
  return { code, output, errors: told };
}

async function look(env: Record<string, string>): Promise<{ code: number; of: (store: string) => Diagnosis }> {
  const { code, output, errors } = await run(env, '--json');
  const { ok, stores } = JSON.parse(output || `{"errors":${JSON.stringify(errors)}}`) as {
    ok: boolean;
    stores: Diagnosis[];
  };
  expect(ok).toBe(code === 0);
  return { code, of: (store) => stores.find((each) => each.store === store)! };
}

const text = ({ findings }: Diagnosis): string =>
  findings.map(({ what, remedy }) => `${what} ${remedy ?? ''}`).join('\n');

test('what is embedded and not there yet is made by the first start, not by whoever looks', async () => {
  const { code, output } = await run({});
  expect(output).toMatch(/^ok +relational: embedded PostgreSQL \(made by the first start\)$/m);
  expect(output).toMatch(/^ok +object: files in .* \(made by the first start\)$/m);
  expect(output).toMatch(/^ok +disk: /m);
  expect(code).toBe(0);
  expect(existsSync(join(folder, 'none'))).toBe(false);
});

describe('every store', () => {
  const everyStore = (port: number, tls = '') => ({
    DATABASE_URL: `postgres://somebody:${CANARY}@127.0.0.1:${port}/d${tls === '' ? '' : '?sslmode=require'}`,
    POSTGRES_CONNECT_TIMEOUT_MS: '1000',
    NEO4J_URI: `bolt${tls === '' ? '' : '+s'}://127.0.0.1:${port}`,
    NEO4J_PASSWORD: CANARY,
    QDRANT_URL: `http${tls}://127.0.0.1:${port}`,
    QDRANT_API_KEY: CANARY,
    S3_ENDPOINT: `http${tls}://127.0.0.1:${port}`,
    S3_ACCESS_KEY: CANARY,
    S3_SECRET_KEY: CANARY,
    OPENAI_BASE_URL: `http${tls}://127.0.0.1:${port}/v1`,
    OPENAI_API_KEY: CANARY,
    EMBEDDING_MODEL: 'm',
    REDIS_URL: `redis${tls}://somebody:${CANARY}@127.0.0.1:${port}`,
    TEMPORAL_ADDRESS: `127.0.0.1:${port}`,
    AMQP_URL: `amqp${tls}://somebody:${CANARY}@127.0.0.1:${port}`,
  });
  const NAMES = ['relational', 'graph', 'vector', 'object', 'inference', 'redis', 'temporal', 'rabbitmq'];

  test.each([
    ['at a port where a page is served', () => everyStore(portOf(page))],
    ['asked over TLS where there is none', () => everyStore(portOf(page), 's')],
    ['that accepts connections and never answers', () => everyStore(portOf(silent))],
    ['that is not there', () => everyStore(1)],
  ])(
    '%s is a fault of its own, with what to do',
    async (_, env) => {
      const { code, of } = await look(env());
      expect(code).toBe(1);
      for (const name of NAMES) {
        expect(of(name), name).toMatchObject({ state: 'fault' });
        expect(text(of(name)), name).toMatch(/check|set|make sure|no S3 server/i);
      }
      expect(of('disk').state).not.toBe('fault');
      const { AMQP_URL: _amqp, REDIS_URL: BULLMQ_URL, ...others } = env();
      const queue = (await look({ ...others, BULLMQ_URL })).of('bullmq');
      expect(queue).toMatchObject({ state: 'fault' });
      expect(text(queue)).toMatch(/check/i);
    },
    60_000,
  );
});

describe('PostgreSQL', () => {
  const at = (change: (url: URL) => void = () => undefined): { DATABASE_URL: string } => {
    const url = new URL(database.url);
    change(url);
    return { DATABASE_URL: url.href };
  };
  async function execute(...statements: string[]): Promise<void> {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }

  test('that is empty has migrations pending, and looking applies none', async () => {
    for (let time = 1; time <= 2; time += 1) {
      const { code, of } = await look(at());
      expect(code).toBe(0);
      expect(of('relational')).toMatchObject({ state: 'warning', version: expect.stringMatching(/^\d+/) as string });
      expect(text(of('relational'))).toMatch(/migrations are pending: relational\/0001_relational\.sql to runs\//);
    }
  });

  test('with a wrong password, or no such database', async () => {
    expect(text((await look(at((url) => (url.password = CANARY)))).of('relational'))).toMatch(
      /refused the user or password/,
    );
    expect(text((await look(at((url) => (url.pathname = '/nowhere')))).of('relational'))).toMatch(
      /does not exist: run CREATE DATABASE/,
    );
  });

  test('that is migrated is well; a table without row-level security, a role too mighty and migrations of others are told', async () => {
    const config = loadConfig({ ...at(), DATA_DIR: join(folder, 'data') });
    const all = ['relational', 'object', 'inference', 'graph', 'vector', 'runs'] as const;
    await (await openStores(config, createLogger({ level: 'silent' }), all))[Symbol.asyncDispose]();
    const healthy = await look(at());
    expect(healthy.of('relational').facts).toContain('migrated');
    expect(text(healthy.of('relational'))).toMatch(/^Its user is a superuser/);
    expect(healthy.of('vector').state).toBe('ok');
    expect(healthy.code).toBe(0);

    await execute(
      'ALTER TABLE relational.documents NO FORCE ROW LEVEL SECURITY',
      `INSERT INTO graph.migrations (name, checksum) VALUES ('9999_later.sql', 'x')`,
      `UPDATE vector.migrations SET checksum = 'x' WHERE name = '0001_chunks.sql'`,
    );
    const sick = await look(at());
    expect(sick.code).toBe(1);
    expect(text(sick.of('relational'))).toMatch(
      /Row-level security does not hold for relational\.documents\. .*FORCE ROW LEVEL SECURITY/,
    );
    expect(text(sick.of('relational'))).toMatch(/migrated by a newer version \(graph\/9999_later\.sql\)/);
    expect(text(sick.of('relational'))).toMatch(/vector\/0001_chunks\.sql was changed/);
  }, 60_000);

  test('whose user may not make tables, nor take on the roles', async () => {
    const role = `doctor_${Date.now()}`;
    await execute(`CREATE ROLE ${role} LOGIN PASSWORD 'p'`);
    try {
      const { code, of } = await look(
        at((url) => {
          [url.username, url.password] = [role, 'p'];
          url.pathname = '/template1';
        }),
      );
      expect(code).toBe(1);
      expect(text(of('relational'))).toMatch(/may not make what migrations make\. .*GRANT CREATE ON DATABASE/);
      expect(text(of('relational'))).toMatch(/tributary_tenant/);
    } finally {
      await execute(`DROP ROLE ${role}`);
    }
  });

  test('has the migrations that its folders have', () => {
    expect(Object.keys(MIGRATIONS).sort()).toEqual(['graph', 'inference', 'relational', 'runs', 'vector']);
  });
});

test('hosts of webhooks that nobody knows are told, without a request', async () => {
  const { code, of } = await look({
    DISPATCH_ALLOWED_HOSTS: 'nowhere.invalid,*.example.com,localhost:9',
    DISPATCH_SECRET: CANARY,
  });
  expect(code).toBe(0);
  expect(of('webhooks')).toMatchObject({ state: 'warning' });
  expect(of('webhooks').findings).toHaveLength(1);
  expect(text(of('webhooks'))).toMatch(/^nowhere\.invalid has no address/);
});

test('sources: a file that cannot be, and a store of it that is away', async () => {
  const file = join(folder, 'sources.yaml');
  writeFileSync(file, 'sources:\n  shop: { kind: postgres, url: SHOP_URL, tenancy: shared }\n');
  expect(text((await look({ SOURCES: file })).of('sources'))).toMatch(/SHOP_URL is not set/);
  const away = await look({ SOURCES: file, SHOP_URL: `postgres://u:${CANARY}@127.0.0.1:1/shop` });
  expect(away.of('sources').state).toBe('fault');
  expect(text(away.of('sources'))).toMatch(/shop/);
});

test('vectors that stand in a PostgreSQL that is away are not called well', async () => {
  const { of } = await look({ DATABASE_URL: 'postgres://u@127.0.0.1:1/d' });
  expect(of('vector')).toMatchObject({ state: 'warning' });
  expect(text(of('vector'))).toMatch(/stands in PostgreSQL.*Mend what is said of relational/);
});

test('a variable for a subgraph that the file does not have', async () => {
  const off = { DATABASE_URL: 'off', S3_ENDPOINT: 'off', OPENAI_BASE_URL: 'off' };
  const { code, of } = await look({ ...off, SUBGRAPH_GRAHP_URL: 'http://127.0.0.1:1/graphql' });
  expect(code).toBe(0);
  expect(text(of('supergraph'))).toMatch(
    /^SUBGRAPH_GRAHP_URL is set, and .*supergraph\.yaml has no subgraph of that name.* It has relational, graph/,
  );
});

test('the issuer: its keys, a page in its place, another issuer, none', async () => {
  await using issuer = await startIssuer();
  const off = { DATABASE_URL: 'off', S3_ENDPOINT: 'off', OPENAI_BASE_URL: 'off' };
  const at = async (url: string) =>
    (await look({ ...off, OIDC_ISSUER: url, OIDC_AUDIENCE: 'tributary', ALLOWED_HOSTS: 'localhost' })).of('issuer');
  expect(await at(issuer.url)).toMatchObject({ state: 'ok', facts: ['1 key'] });
  expect(text(await at(`http://127.0.0.1:${portOf(page)}`))).toMatch(/not valid JSON.*Check OIDC_ISSUER/);
  expect(text(await at(issuer.url.replace('127.0.0.1', 'localhost')))).toMatch(/another issuer.*to the letter/);
  expect(text(await at(`http://127.0.0.1:${await freePort()}`))).toMatch(/ECONNREFUSED.*Check OIDC_ISSUER/);
});

test('what takes telemetry: with its header, and not; nothing is left there', async () => {
  await using receiver = await startOtlpReceiver();
  const off = { DATABASE_URL: 'off', S3_ENDPOINT: 'off', OPENAI_BASE_URL: 'off' };
  const at = async (url: string) =>
    (
      await look({
        ...off,
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${CANARY}`,
        OTEL_LOGS_EXPORTER: 'otlp',
      })
    ).of('telemetry');
  expect(await at(receiver.url)).toMatchObject({ state: 'ok', facts: ['traces', 'metrics', 'logs'] });
  expect(receiver.authorizations).toEqual(Array(3).fill(`Bearer ${CANARY}`));
  expect([receiver.spans, receiver.metrics, receiver.logs]).toEqual([[], [], []]);
  expect(text(await at(`${receiver.url}/elsewhere`))).toMatch(/answers 404 to traces.*OTEL_TRACES_EXPORTER=none/);
  expect(text(await at(`http://127.0.0.1:${await freePort()}`))).toMatch(/cannot be reached for logs: .*ECONNREFUSED/);
});

test('stores that are off are not looked at', async () => {
  const { output, errors } = await run({
    DATABASE_URL: 'off',
    QDRANT_URL: 'off',
    S3_ENDPOINT: 'off',
    OPENAI_BASE_URL: 'off',
  });
  expect(errors).toBe('');
  expect(output).toMatch(/^ok +supergraph: .*\nok +disk: .*$/);
});

test('a clock that is wrong is told', async () => {
  const ahead = await diagnose({
    store: 's',
    what: 'w',
    look: () => Promise.resolve({ examination: { findings: [], clockAheadMs: -90_000 } }),
  });
  expect(ahead).toMatchObject({ state: 'warning' });
  expect(text(ahead)).toMatch(/90\.0 s behind/);
});

test('a configuration that cannot be is told before any store is asked; so is wrong use', async () => {
  expect(await run({ PORT: 'x', S3_SECRET_KEY: CANARY })).toMatchObject({
    code: 2,
    output: '',
    errors: expect.stringContaining('PORT must be') as string,
  });
  expect((await run({}, '--nonsense')).code).toBe(2);
});
