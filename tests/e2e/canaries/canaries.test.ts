/**
 * Errors and logs give nothing away: a server whose every secret is known here, over stores that are down, refuse, or tell
 * back what they were sent, asked by somebody whose every word is known here too. All that leaves it is looked through.
 */
import { createServer, type Server } from 'node:http';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadConfig } from '#gateway/config/config.ts';
import { variableTable } from '#gateway/config/variables.ts';
import { startServer } from '#gateway/server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { startBackground } from '#ops/ingest/background.ts';
import { explain } from '#ops/serve/explain.ts';
import { ALL_SCOPES } from '#subgraphs/shared/scopes.ts';
import { startIssuer, type Issuer } from '#tests/gateway/issuer.ts';
import { http, WAYS_IN } from '#tests/gateway/ways-in.ts';
import { createAuthority } from '#tests/setup/certificates.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';

/** Each is its own, so that a leak says whose it is. */
const secret = (name: string): string => `5ecret-${name.toLowerCase()}-0123456789abcdef0123456789abcdef`;
const NOWHERE = '127.0.0.1:1';
/** What is somebody's own: no log has it on any level, and nobody else is told. */
const PERSONAL = 'per5onal';

/** Secrets that cannot be given beside those that are. */
const NOT_BESIDE: Readonly<Record<string, string>> = {
  PGPASSWORD: 'DATABASE_URL is given',
  DATABASE_REPLICA_URL: 'there is no replica here',
  BULLMQ_URL: 'AMQP_URL is given',
  TEMPORAL_TLS_CA: 'Temporal is nowhere',
  TEMPORAL_TLS_CERT: 'the same',
  TEMPORAL_TLS_KEY: 'the same',
  OIDC_CLIENT_SECRET: 'the issuer of this test has one of its own',
};

let issuer: Issuer;
let database: TestDatabase;
let admin: pg.Client;
let echo: Server;
let folder: string;
let env: Record<string, string>;
const user = `canary_${process.pid}_${Date.now()}`;

beforeAll(async () => {
  issuer = await startIssuer();
  database = await createTestDatabase();
  admin = new pg.Client(database.url);
  admin.on('error', () => undefined); // The database goes away behind it.
  await admin.connect();
  await admin.query(`CREATE ROLE ${user} LOGIN SUPERUSER PASSWORD '${secret('DATABASE_URL')}'`);
  // A server of models, and a foreign subgraph, that refuses and tells back all that it was sent.
  echo = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const message = `refused: ${JSON.stringify(request.headers)} ${body}`;
      const answer = request.url!.endsWith('/graphql')
        ? { data: null, errors: [{ message, extensions: { code: 'FORBIDDEN', debug: { sent: [message] } } }] }
        : { error: { message: `${body.slice(-300)} ${message}`, type: 'invalid_request_error' } };
      response.writeHead(request.url!.endsWith('/graphql') ? 200 : 400, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((listening) => echo.listen(0, '127.0.0.1', listening));
  const echoUrl = `http://127.0.0.1:${(echo.address() as AddressInfo).port}`;
  folder = await mkdtemp(join(tmpdir(), 'tributary-canaries-'));
  const supergraph = await readFile(resolve('supergraph.yaml'), 'utf8');
  await writeFile(
    join(folder, 'foreign.graphql'),
    'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9") type Query { foreign(x: String): String }',
  );
  await writeFile(
    join(folder, 'supergraph.yaml'),
    `${supergraph.replaceAll('file: subgraphs', `file: ${resolve('subgraphs')}`).trimEnd()}
  foreign:
    routing_url: ${echoUrl}/graphql
    schema: { file: foreign.graphql }
`,
  );
  const url = new URL(database.url);
  url.username = user;
  url.password = secret('DATABASE_URL');
  const { cert, key } = createAuthority('canaries').issue();
  env = {
    DATABASE_URL: url.href,
    DATA_DIR: join(folder, 'data'),
    PORT: '0',
    INGEST_ON_START: 'false',
    SUPERGRAPH: join(folder, 'supergraph.yaml'),
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'tributary',
    OIDC_CLIENT_ID: 'tributary',
    OIDC_CLIENT_SECRET: 'pass word:é',
    OIDC_INTROSPECTION: 'opaque',
    NEO4J_URI: `bolt://${NOWHERE}`,
    NEO4J_USERNAME: 'neo4j',
    S3_ENDPOINT: `http://${NOWHERE}`,
    S3_BUCKET: 'bucket',
    QDRANT_URL: `http://${NOWHERE}`,
    REDIS_URL: `redis://:${secret('REDIS_URL')}@${NOWHERE}`,
    AMQP_URL: `amqp://tributary:${secret('AMQP_URL')}@${NOWHERE}/%2F`,
    TEMPORAL_ADDRESS: NOWHERE,
    OPENAI_BASE_URL: `${echoUrl}/v1`,
    CHAT_MODEL: 'm',
    EMBEDDING_MODEL: 'm',
    RERANK_MODEL: 'm',
    DISPATCH_ALLOWED_HOSTS: '127.0.0.1',
    DISPATCH_SECRET: `whsec_${Buffer.from(secret('DISPATCH_SECRET')).toString('base64')}`,
    SUBGRAPH_FORWARD_HEADERS: 'authorization,cookie,x-personal',
    SUBGRAPH_REQUEST_HEADERS: `set x-foreign: ${secret('SUBGRAPH_REQUEST_HEADERS')}`,
    SUBGRAPH_CONNECTION_PARAMS: JSON.stringify({ key: secret('SUBGRAPH_CONNECTION_PARAMS') }),
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://${NOWHERE}`,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=${secret('OTEL_EXPORTER_OTLP_HEADERS')}`,
    OTEL_BSP_SCHEDULE_DELAY: '10',
    OTEL_METRIC_EXPORT_INTERVAL: '1000',
    SUBGRAPH_FOREIGN_ERRORS: 'pass',
    // PEM text may have something else before it.
    ...Object.fromEntries(
      ['SUBGRAPH_TLS', 'SERVE_TLS'].flatMap((name) => [
        [`${name}_CERT`, cert],
        [`${name}_KEY`, `${secret(`${name}_KEY`)}\n${key}`],
      ]),
    ),
    ERASURE_SIGNING_KEY: `${secret('ERASURE_SIGNING_KEY')}\n${key}`,
  };
  for (const { name, meta } of variableTable())
    if (meta.secret === true && NOT_BESIDE[name] === undefined) env[name] ??= secret(name);
}, 60_000);
afterAll(async () => {
  await new Promise((closed) => echo.close(closed).closeAllConnections());
  await admin.query(`REASSIGN OWNED BY ${user} TO CURRENT_USER; DROP OWNED BY ${user}; DROP ROLE ${user}`);
  await admin.end();
  await database[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** What is found of any secret, as it is or within base64. */
function found(text: string): string[] {
  const decoded = (text.match(/[A-Za-z0-9+/_-]{16,}/g) ?? []).map((each) =>
    Buffer.from(each, 'base64').toString('latin1'),
  );
  const names = variableTable().map(({ name }) => name.toLowerCase());
  return names.filter((name) => [text, ...decoded].some((each) => each.includes(`5ecret-${name}-`)));
}

/** Faults of every kind, as operations. */
const OPERATIONS = [
  `{ embed(input: ["${PERSONAL} text"]) { index } }`,
  `{ generate(input: { messages: [{ role: USER, content: "${PERSONAL} text" }] }) { text } }`,
  `{ rerank(query: "${PERSONAL}", documents: ["${PERSONAL} a"]) { method } }`,
  `{ search(query: "${PERSONAL}") { edges { score } } }`,
  '{ entities { edges { cursor } } }',
  `{ object(key: "${PERSONAL}.txt") { sizeBytes downloadUrl } }`,
  `{ foreign(x: "${PERSONAL}") }`,
  `{ documents(where: { createdAt: { gt: "${PERSONAL}" } }) { totalCount } }`,
  `{ documents(where: { title: { eq: "\\u0000${PERSONAL}" } }) { totalCount } }`,
  `{ documents(after: "${PERSONAL}") { totalCount } }`,
  `{ ${PERSONAL} }`,
  `{ documents(( ${PERSONAL}`,
  `{ tenant { id } documents(where: { metadata: [{ path: ["${PERSONAL}"], eq: {} }] }) { totalCount } }`,
  `mutation { upsertDocument(input: { title: "${PERSONAL}", source: "${PERSONAL}", mediaType: "text/plain", text: "${PERSONAL}" }) { document { id } } }`,
  `mutation { rememberFact(input: { key: "${PERSONAL}", value: "${PERSONAL}", agentId: "agt_${PERSONAL}" }) { fact { id } } }`,
  `mutation { putObject(input: { key: "${PERSONAL}.txt", contentType: "text/plain", content: "${PERSONAL}", encoding: BASE64 }) { object { key } } }`,
  `mutation { startRun(input: { workflow: true, input: "${PERSONAL}" }) { run { id } } }`,
  `mutation { startRun(input: { webhook: "http://u:${PERSONAL}@${NOWHERE}/?x=${PERSONAL}", input: "${PERSONAL}" }) { run { id } } }`,
  `mutation { upsertEntities(input: { entities: [{ name: "${PERSONAL}", kind: "k" }] }) { entities { id } } }`,
];

describe('a running server', () => {
  const lines: string[] = [];
  /** Everything that the caller was told, with what he asked. */
  const told: string[] = [];
  let token: string;

  beforeAll(async () => {
    const log = createLogger({ level: 'trace', destination: { write: (line) => void lines.push(line) } });
    const server = await startServer(loadConfig(env), { log, background: startBackground() });
    try {
      await server.ready;
      token = await issuer.token({
        tenant: 'acme',
        sub: `${PERSONAL}-sub`,
        email: `${PERSONAL}@example.com`,
        scope: ALL_SCOPES.join(' '),
      });
      const headers = {
        authorization: `Bearer ${token}`,
        cookie: `a=${PERSONAL}`,
        'user-agent': `${PERSONAL}\u001b[31m`.replace('\u001b', ''),
        'x-personal': PERSONAL,
        traceparent: `00-${PERSONAL}`,
        'x-request-id': `${PERSONAL} "}`,
      };
      const ask = async (way: string, query: string, says: Record<string, string> = headers): Promise<void> => {
        const answer = await WAYS_IN[way]!(server.url, { query }, says).then(({ text }) => text, String);
        told.push(`${way} ${query}\n${answer}`);
      };
      for (const query of OPERATIONS) for (const way of Object.keys(WAYS_IN)) await ask(way, query);
      for (const authorization of [
        `Bearer ${PERSONAL}`,
        `Bearer ${token}${PERSONAL}`,
        `Basic ${PERSONAL}`,
        `Bearer trk_abcdefghijkl_${'x'.repeat(54)}`,
      ])
        for (const way of Object.keys(WAYS_IN))
          await ask(way, '{ documents { totalCount } }', { ...headers, authorization });
      const paths = [
        '/health/live',
        '/health/ready',
        '/graphql',
        '/mcp',
        `/objects/acme/${PERSONAL}.txt?signature=${PERSONAL}`,
        `/reset/${PERSONAL}?token=${PERSONAL}`,
      ];
      for (const path of paths)
        for (const accept of ['text/html', 'application/json']) {
          const answer = await fetch(`${server.url}${path}`, { headers: { ...headers, accept } });
          told.push(`GET ${path}\n${[...answer.headers].join('\n')}\n${await answer.text()}`);
        }
      await http(
        server.url,
        '/graphql',
        'POST',
        { ...headers, 'content-type': 'application/json' },
        `{"query": ${PERSONAL}`,
      );
      // What the delivery of the document was refused for is kept for its tenant.
      const query = `{ documents { edges { node { indexing { store state error } } } } auditEntries { edges { node { action details } } }
        models { id provider available detail } runs { edges { node { dispatchError } } } }`;
      await vi.waitFor(
        async () => {
          const { text } = await WAYS_IN['POST']!(server.url, { query }, headers);
          expect(text).toMatch(/"store":"VECTOR","state":"\w+","error":"/);
          told.push(`POST ${query}\n${text}`);
        },
        { timeout: 30_000, interval: 250 },
      );
    } finally {
      await server.close();
    }
  }, 120_000);

  test('is given every secret that there is', () => {
    const missing = variableTable().filter(({ name, meta }) => meta.secret === true && env[name] === undefined);
    expect(missing.map(({ name }) => name).filter((name) => NOT_BESIDE[name] === undefined)).toEqual([]);
    expect(Object.keys(NOT_BESIDE).filter((name) => !variableTable().some((each) => each.name === name))).toEqual([]);
  });

  test('is told of faults of each kind', () => {
    const codes = new Set(
      told.flatMap((text) => [...text.matchAll(/\\*"code\\*":\\*"([A-Z_]+)/g)].map(([, code]) => code!)),
    );
    for (const code of [
      'BAD_USER_INPUT',
      'STORE_UNAVAILABLE',
      'UNAUTHENTICATED',
      'NOT_FOUND',
      'GRAPHQL_PARSE_FAILED',
      'GRAPHQL_VALIDATION_FAILED',
    ])
      expect(codes).toContain(code);
    // The servers did tell all back.
    expect(told.filter((text) => text.includes('refused: {')).length).toBeGreaterThan(10);
    expect(lines.length).toBeGreaterThan(100);
    expect(new Set(lines.map((line) => (JSON.parse(line) as { level: string }).level))).toContain('debug');
  });

  test('tells nobody a secret', () => {
    expect(told.filter((text) => found(text).length > 0).map((text) => [found(text), text.slice(0, 300)])).toEqual([]);
  });

  test('logs no secret, on any level', () => {
    expect(lines.filter((line) => found(line).length > 0 || line.includes('pass word:'))).toEqual([]);
  });

  test("logs nothing of what is somebody's own, on any level: no text, name, token, cookie or header", () => {
    const signature = token.split('.')[2]!;
    expect(
      lines.filter((line) => line.includes(PERSONAL) || line.includes(signature) || line.includes('xxxxxxxx')),
    ).toEqual([]);
  });

  test('writes one line for each event, which is JSON', () => {
    for (const line of lines) {
      expect(line.split('\n')).toHaveLength(2);
      expect(() => JSON.parse(line) as unknown).not.toThrow();
    }
  });
});

describe('a start that fails', () => {
  const failing = (changes: Record<string, string | undefined>): Promise<string> => {
    const lines: string[] = [];
    const log = createLogger({ level: 'trace', destination: { write: (line) => void lines.push(line) } });
    return (async () => {
      try {
        const server = await startServer(loadConfig({ ...env, ...changes }), { log });
        await server.ready.catch((error: unknown) => lines.push(explain(error)));
        await server.close();
      } catch (error) {
        lines.push(explain(error));
      }
      return lines.join('\n');
    })();
  };
  const postgres = (change: (url: URL) => void): string => {
    const url = new URL(env['DATABASE_URL']!);
    change(url);
    return url.href;
  };

  test.each([
    [
      'a wrong password',
      () => ({ DATABASE_URL: postgres((url) => (url.password = secret('DATABASE_URL').replace('-0', '-1'))) }),
    ],
    ['a database that is not there', () => ({ DATABASE_URL: postgres((url) => (url.pathname = '/nowhere')) })],
    [
      'TLS where there is none',
      () => ({ DATABASE_URL: postgres((url) => url.searchParams.set('sslmode', 'verify-full')) }),
    ],
    ['a store that is down', () => ({ DATABASE_URL: postgres((url) => (url.port = '1')) })],
    [
      'a value that is none',
      () =>
        Object.fromEntries(
          Object.keys(env)
            .filter((name) => /^5ecret|:\/\/.*5ecret/.test(env[name]!))
            .map((name) => [name, `\u0001 ${secret(name)} \n`]),
        ),
    ],
    [
      'two values',
      () =>
        Object.fromEntries(
          variableTable()
            .filter(({ meta }) => meta.secret === true)
            .map(({ name }) => [`${name}_FILE`, `/nowhere/${secret(name)}`]),
        ),
    ],
  ] as const)('says nothing of secrets: %s', { timeout: 60_000 }, async (_, changes) => {
    const text = await failing(changes());
    expect(text).not.toBe('');
    expect(found(text)).toEqual([]);
  });
});
