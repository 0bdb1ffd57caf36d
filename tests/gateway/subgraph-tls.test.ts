/** TLS between the gateway and subgraphs, with certificates on both sides: who is connected, and what becomes of the others. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type ConfigError, loadConfig } from '#gateway/config/config.ts';
import { startServer, type RunningServer } from '#gateway/server.ts';
import { startSubgraphServer, type SubgraphServer } from '#gateway/subgraph-server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import type { SubgraphName } from '#subgraphs/shared/subgraph.ts';
import { overEventStream, overWebSocket, post } from '#tests/e2e/contract/clients.ts';
import { wireTo } from '#tests/e2e/wire.ts';
import { createAuthority, encrypted, type Certificate, type CertificateOptions } from '#tests/setup/certificates.ts';
import { createTestDatabase, type TestDatabase } from '#tests/setup/postgres.ts';

const OURS = createAuthority('ours');
const OTHERS = createAuthority('others');
const PAST: CertificateOptions = { from: new Date('2020-01-01'), to: new Date('2020-02-01') };

let folder: string;
let database: TestDatabase;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-tls-'));
  database = await createTestDatabase();
});
afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** A log, and its lines. */
function logged(level = 'info') {
  const lines: string[] = [];
  return {
    lines,
    log: createLogger({ level, format: 'json', destination: { write: (line) => void lines.push(line) } }),
  };
}

const base = (): Record<string, string> => ({
  DATABASE_URL: database.url,
  DATA_DIR: folder,
  PORT: '0',
  LOG_LEVEL: 'error',
  INGEST_ON_START: 'false',
  SUBGRAPH_RETRIES: '0',
  SUBGRAPH_BREAK_AFTER: '1000',
});
const server = ({ cert, key }: Certificate): Record<string, string> => ({
  SERVE_TLS_CERT: cert,
  SERVE_TLS_KEY: key,
  SERVE_TLS_CLIENT_CA: OURS.ca,
  PUBLIC_BASE_URL: 'http://gateway.test',
});
const client = ({ cert, key }: Certificate, ca = OURS.ca): Record<string, string> => ({
  SUBGRAPH_TLS_CA: ca,
  SUBGRAPH_TLS_CERT: cert,
  SUBGRAPH_TLS_KEY: key,
});

describe('with certificates of one authority', () => {
  const subgraphs: SubgraphServer[] = [];
  let gateway: RunningServer;
  const { lines, log } = logged('warn');
  const start = async (name: SubgraphName, more: Record<string, string> = {}): Promise<SubgraphServer> => {
    const started = await startSubgraphServer(
      name,
      loadConfig({ ...base(), ...server(OURS.issue()), ...client(OURS.issue()), ...more }),
      log,
    );
    subgraphs.push(started);
    return started;
  };
  beforeAll(async () => {
    const object = await start('object', { SERVE_HEALTH_PORT: '0' });
    const runs = await start('runs', { SUBGRAPH_OBJECT_URL: `${object.url}/graphql` });
    const yaml = join(folder, 'supergraph.yaml');
    // Those apart are asked for their schemas, too.
    await writeFile(
      yaml,
      `federation_version: =2.9.0\nsubgraphs:\n${['object', 'runs', 'relational', 'graph', 'vector', 'inference']
        .map((name) => {
          const url = { object, runs }[name]?.url;
          const schema =
            url === undefined
              ? `file: ${process.cwd()}/subgraphs/${name}/schema.graphql`
              : `subgraph_url: ${url}/graphql`;
          return `  ${name}:\n    routing_url: local://${name}\n    schema: { ${schema} }\n`;
        })
        .join('')}`,
    );
    gateway = await startServer(
      loadConfig({
        ...base(),
        ...client(OURS.issue()),
        SUPERGRAPH: yaml,
        SUBGRAPH_OBJECT_URL: `${object.url}/graphql`,
        SUBGRAPH_RUNS_URL: `${runs.url}/graphql`,
      }),
      { log },
    );
    await gateway.ready;
  }, 120_000);
  afterAll(async () => {
    await gateway?.close();
    for (const each of subgraphs.reverse()) await each.close();
  });

  test('everything passes: queries, mutations, both kinds of streams, files, events, schemas and health', async () => {
    expect(subgraphs.map(({ url }) => url)).toEqual(subgraphs.map(({ port }) => `https://127.0.0.1:${port}`));
    const { data } = await post(
      gateway.url,
      `mutation {
        startRun(input: {}) { run { id } }
        putObject(input: { key: "a.txt", contentType: "text/plain", content: "encrypted", encoding: UTF8 }) { object { downloadUrl } }
      }`,
    );
    const { id } = data!['startRun'].run as { id: string };
    const follow = `subscription S { runEvents(runId: "${id}") { type } }`;
    await post(gateway.url, `mutation { finishRun(input: { runId: "${id}" }) { run { id } } }`);
    const events = [
      { data: { runEvents: { type: 'RUN_STARTED' } } },
      { data: { runEvents: { type: 'RUN_FINISHED' } } },
    ];
    expect(await overWebSocket(gateway.url, follow, {}, 'S')).toEqual(events);
    expect(await overEventStream(gateway.url, follow, {}, 'S')).toEqual(events);
    expect(await (await fetch(`${gateway.url}/runs/${id}/events`)).text()).toContain('RUN_FINISHED');
    // A link leads to the gateway, for clients have no certificate.
    const link = new URL(data!['putObject'].object.downloadUrl as string);
    expect(link.host).toBe('gateway.test');
    const file = await fetch(`${gateway.url}${link.pathname}${link.search}`, { headers: { range: 'bytes=0-6' } });
    expect([file.status, file.headers.get('content-range'), await file.text()]).toEqual([
      206,
      'bytes 0-6/9',
      'encrypt',
    ]);
    expect((await fetch(`${gateway.url}${link.pathname}`)).status).toBe(403);
    const health = (await (await fetch(`${gateway.url}/health/ready`)).json()) as { degraded: boolean; stores: object };
    expect(health).toMatchObject({ degraded: false, stores: { object: [{ state: 'ok' }], runs: [{ state: 'ok' }] } });
    expect(gateway.supergraph.unavailable).toEqual([]);
    expect(lines).toEqual([]);
  });

  test('subscriptions over server-sent events pass, too', async () => {
    const [object, runs] = subgraphs;
    const other = await startServer(
      loadConfig({
        ...base(),
        ...client(OURS.issue()),
        SUBGRAPH_OBJECT_URL: `${object!.url}/graphql`,
        SUBGRAPH_RUNS_URL: `${runs!.url}/graphql`,
        SUBGRAPH_SUBSCRIPTIONS: 'sse',
      }),
      { log },
    );
    try {
      const { data } = await post(other.url, 'mutation { startRun(input: {}) { run { id } } }');
      const id = data!['startRun'].run.id as string;
      await post(other.url, `mutation { finishRun(input: { runId: "${id}" }) { run { id } } }`);
      const seen = await overWebSocket(other.url, `subscription S { runEvents(runId: "${id}") { type } }`, {}, 'S');
      expect(seen).toHaveLength(2);
    } finally {
      await other.close();
    }
  });

  test('probes without a certificate are answered at a port of their own, and nothing else is', async () => {
    const { healthPort } = subgraphs[0]!;
    const at = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${healthPort}${path}`);
    expect(await (await at('/health/live')).json()).toEqual({ status: 'ok' });
    expect(await (await at('/health/ready')).json()).toEqual({ status: 'ready' });
    for (const path of ['/graphql', '/objects/a', '/']) expect((await at(path)).status).toBe(404);
  });

  test.each([
    ['TLS 1.1', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }, false],
    ['TLS 1.2', { maxVersion: 'TLSv1.2' }, true],
    ['TLS 1.3', { minVersion: 'TLSv1.3' }, true],
  ] as const)('%s', async (_, versions, spoken) => {
    expect(await answers(subgraphs[0]!.port, { ...OURS.issue(), ...versions })).toBe(spoken);
  });

  test.each([
    ['without one', {}],
    ['with one of another authority', OTHERS.issue()],
    ['with one that has expired', OURS.issue(PAST)],
    [
      'with one that is not valid yet',
      OURS.issue({ from: new Date(Date.now() + 1e7), to: new Date(Date.now() + 2e7) }),
    ],
  ])('whoever comes %s is not answered', async (_, shown) => {
    expect(await answers(subgraphs[0]!.port, shown)).toBe(false);
  });
});

/** Whether the server at the port answers a client of ours that shows this. */
async function answers(port: number, options: object): Promise<boolean> {
  return await new Promise((resolve) => {
    request({ port, host: '127.0.0.1', path: '/health/live', ca: OURS.ca, agent: false, ...options }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    })
      .on('error', () => resolve(false))
      .end();
  });
}

describe("what does not hold costs the subgraph's fields, and the operator is told why", () => {
  const ASK = '{ objects(first: 1) { edges { node { key } } } embed(input: ["a"]) { dimensions } }';
  async function asked(
    serves: Record<string, string>,
    shows: Record<string, string>,
    url = (port: number): string => `https://127.0.0.1:${port}/graphql`,
  ) {
    const [ofGateway, ofSubgraph] = [logged('warn'), logged('warn')];
    const object = await startSubgraphServer('object', loadConfig({ ...base(), ...serves }), ofSubgraph.log);
    const env = { ...base(), ...shows, SUBGRAPH_OBJECT_URL: url(object.port) };
    const gateway = await startServer(loadConfig(env), { log: ofGateway.log });
    try {
      await gateway.ready;
      const answer = await post(gateway.url, ASK);
      const health = await (await fetch(`${gateway.url}/health/ready`)).json();
      return { answer, health, gateway: ofGateway.lines.join(''), subgraph: ofSubgraph.lines.join('') };
    } finally {
      await gateway.close();
      await object.close();
    }
  }
  const refused = {
    data: { objects: null, embed: [{ dimensions: 384 }] },
    errors: [{ path: ['objects'], extensions: { code: 'SUBGRAPH_UNAVAILABLE', service: 'object' } }],
  };

  test.each([
    ['no certificate of the gateway', server(OURS.issue()), { SUBGRAPH_TLS_CA: OURS.ca }, '', 'PEER_DID_NOT_RETURN'],
    ['one of another authority', server(OURS.issue()), client(OTHERS.issue()), '', 'UNABLE_TO_VERIFY'],
    ["a subgraph's of another authority", server(OTHERS.issue()), client(OURS.issue()), 'UNABLE_TO_VERIFY', ''],
    [
      "a subgraph's for another host",
      server(OURS.issue({ hosts: ['elsewhere'] })),
      client(OURS.issue()),
      'ALTNAME',
      '',
    ],
  ])('%s', async (_, serves, shows, byGateway, bySubgraph) => {
    const { answer, health, gateway, subgraph } = await asked(serves, shows);
    expect(answer).toMatchObject(refused);
    expect(JSON.stringify(answer)).not.toMatch(/certificate|TLS|altname/i);
    expect(health).toMatchObject({ degraded: true, stores: { object: [{ state: 'down' }] } });
    if (byGateway !== '') expect(gateway).toContain(byGateway);
    if (bySubgraph !== '') expect(subgraph).toContain(bySubgraph);
  });

  test('a subgraph without TLS at an address with it', async () => {
    expect((await asked({}, client(OURS.issue()))).answer).toMatchObject(refused);
  });

  test('a name that the certificate has, though the host has another', async () => {
    const serves = server(OURS.issue({ hosts: ['object.internal'] }));
    const shows = { ...client(OURS.issue()), SUBGRAPH_OBJECT_TLS_SERVER_NAME: 'object.internal' };
    expect((await asked(serves, shows)).answer.errors).toBeUndefined();
  });

  test("one subgraph's own authority and certificate, over the general ones", async () => {
    const pair = OURS.issue();
    const shows = {
      ...client(OTHERS.issue(), OTHERS.ca),
      SUBGRAPH_OBJECT_TLS_CA: OURS.ca,
      SUBGRAPH_OBJECT_TLS_CERT: pair.cert,
      SUBGRAPH_OBJECT_TLS_KEY: pair.key,
    };
    expect((await asked(server(OURS.issue()), shows)).answer.errors).toBeUndefined();
  });
});

describe('files that change are followed', () => {
  const put = async (name: string, text: string): Promise<string> => {
    const file = join(folder, name);
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file); // As mounted secrets are exchanged.
    return file;
  };

  test("both sides' certificates and authorities, under running servers", async () => {
    const first = { server: OURS.issue(), client: OURS.issue() };
    const { lines, log } = logged('warn');
    const serves = {
      SERVE_TLS_CERT_FILE: await put('server.crt', first.server.cert),
      SERVE_TLS_KEY_FILE: await put('server.key', first.server.key),
      SERVE_TLS_CLIENT_CA_FILE: await put('clients.crt', OURS.ca),
      PUBLIC_BASE_URL: 'http://gateway.test',
    };
    const object = await startSubgraphServer('object', loadConfig({ ...base(), ...serves }), log);
    await using wire = await wireTo(object.port);
    const gateway = await startServer(
      loadConfig({
        ...base(),
        SUBGRAPH_OBJECT_TLS_CA_FILE: await put('servers.crt', OURS.ca),
        SUBGRAPH_OBJECT_TLS_CERT_FILE: await put('client.crt', first.client.cert),
        SUBGRAPH_OBJECT_TLS_KEY_FILE: await put('client.key', first.client.key),
        SUBGRAPH_OBJECT_URL: `https://127.0.0.1:${wire.port}/graphql`,
      }),
      { log },
    );
    const ask = async () => {
      wire.snap(); // Connections that are kept were made before.
      const { errors } = await post(gateway.url, '{ objects(first: 1) { edges { node { key } } } }');
      return errors?.[0]?.extensions?.['code'];
    };
    try {
      await gateway.ready;
      expect(await ask()).toBeUndefined();
      expect(await shown(object.port)).toBe(fingerprint(first.server.cert));
      const second = { server: OTHERS.issue(), client: OTHERS.issue() };
      // The certificate comes before its key: until that is there, the ones before are used.
      await put('server.crt', second.server.cert);
      expect(await shown(object.port)).toBe(fingerprint(first.server.cert));
      expect(lines.join('')).toContain('SERVE_TLS_KEY is not the key of the certificate in SERVE_TLS_CERT.');
      await put('server.key', second.server.key);
      expect(await shown(object.port)).toBe(fingerprint(second.server.cert));
      // The gateway does not trust that one yet.
      await vi.waitFor(async () => expect(await ask()).toBe('SUBGRAPH_UNAVAILABLE'));
      await put('servers.crt', OURS.ca + OTHERS.ca);
      await vi.waitFor(async () => expect(await ask()).toBeUndefined());
      await put('clients.crt', OTHERS.ca);
      await vi.waitFor(async () => expect(await ask()).toBe('SUBGRAPH_UNAVAILABLE'));
      await put('client.crt', second.client.cert);
      await put('client.key', second.client.key);
      await vi.waitFor(async () => expect(await ask()).toBeUndefined());
    } finally {
      await gateway.close();
      await object.close();
    }
  });

  const fingerprint = (cert: string): string => new X509Certificate(cert).fingerprint256;

  /** The certificate that a server shows. */
  async function shown(port: number): Promise<string> {
    const { cert, key } = OURS.issue();
    const socket: TLSSocket = connect({ port, host: '127.0.0.1', cert, key, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.on('error', () => undefined).destroy();
    return fingerprint256;
  }
});

describe('what is wrong is said at start, in a sentence', () => {
  const pair = OURS.issue();
  const faults = (env: Record<string, string>): readonly string[] => {
    try {
      loadConfig(env);
      return [];
    } catch (error) {
      return (error as ConfigError).faults;
    }
  };
  test.each<[string, Record<string, string>, RegExp]>([
    [
      'a missing file',
      { ...client(pair), SUBGRAPH_TLS_CERT: '', SUBGRAPH_TLS_CERT_FILE: '/none' },
      /^SUBGRAPH_TLS_CERT_FILE names a file that cannot be read \(ENOENT\)\.$/,
    ],
    [
      'a key of another certificate',
      client({ ...pair, key: OTHERS.issue().key }),
      /^SUBGRAPH_TLS_KEY is not the key of the certificate in SUBGRAPH_TLS_CERT\.$/,
    ],
    [
      'an expired certificate',
      client(OURS.issue(PAST)),
      /^SUBGRAPH_TLS_CERT has expired: it is valid from 2020-01-01T00:00:00\.000Z to 2020-02-01/,
    ],
    [
      'one that is not valid yet',
      server(OURS.issue({ from: new Date(Date.now() + 1e7), to: new Date(Date.now() + 2e7) })),
      /^SERVE_TLS_CERT is not valid yet/,
    ],
    [
      'a certificate that is none',
      client({ ...pair, cert: pair.key }),
      /^SUBGRAPH_TLS_CERT must be a certificate as PEM text/,
    ],
    [
      'a key with a passphrase',
      client({ ...pair, key: encrypted(pair.key) }),
      /^SUBGRAPH_TLS_KEY must be a private key as PEM text .*, without a passphrase\.$/,
    ],
    [
      'authorities that are none',
      client(pair, 'ca'),
      /^SUBGRAPH_TLS_CA must be certificates of authorities as PEM text/,
    ],
    [
      'a certificate without a key',
      { SUBGRAPH_VECTOR_TLS_CERT: pair.cert },
      /^SUBGRAPH_VECTOR_TLS_KEY must be set beside SUBGRAPH_VECTOR_TLS_CERT/,
    ],
    [
      'authorities of clients without a certificate',
      { SERVE_TLS_CLIENT_CA: OURS.ca },
      /^SERVE_TLS_CERT must be set beside SERVE_TLS_CLIENT_CA/,
    ],
    [
      'a URL without TLS',
      { SUBGRAPH_VECTOR_URL: 'http://vector:4103/graphql', SUBGRAPH_VECTOR_TLS_CA: OURS.ca },
      /^SUBGRAPH_VECTOR_TLS_CA has no effect: SUBGRAPH_VECTOR_URL starts with http:\/\//,
    ],
  ])('%s', (_, env, fault) => {
    const told = faults(env);
    expect(told).toEqual([expect.stringMatching(fault)]);
    expect(told[0]).not.toContain(pair.key.split('\n')[1]);
  });

  test('links of files that nobody could follow', async () => {
    const config = loadConfig({ ...base(), ...server(pair), PUBLIC_BASE_URL: '' });
    await expect(startSubgraphServer('object', config, logged().log)).rejects.toThrow(/PUBLIC_BASE_URL must be set/);
  });

  test.each<[string, (text: string) => string]>([
    ['in one line', (text) => text.replaceAll('\n', '\\n')],
    ['with the line ends of Windows', (text) => text.replaceAll('\n', '\r\n')],
    ['with words before it', (text) => `Bag Attributes\n  friendlyName: a - b\n${text}`],
    ['with the authority behind it', (text) => (text === pair.cert ? `${text}\n${OURS.ca}` : text)],
  ])('nothing of PEM %s', (_, write) => {
    const given = { cert: write(pair.cert), key: write(pair.key) };
    expect(faults({ ...client(given, write(OURS.ca)), ...server(given) })).toEqual([]);
  });

  test('nothing, where all is well, or one does without', () => {
    expect(
      faults({ ...client(pair), ...server(pair), SUBGRAPH_MAPS_TLS_CA: 'system', SUBGRAPH_MAPS_TLS_CERT: 'none' }),
    ).toEqual([]);
    const { remoteSubgraphs } = loadConfig({
      ...client(pair),
      SUBGRAPH_MAPS_TLS_CA: 'system',
      SUBGRAPH_MAPS_TLS_CERT: 'none',
    });
    expect(remoteSubgraphs.tls('MAPS')!.now()).toEqual({ minVersion: 'TLSv1.2' });
    expect(remoteSubgraphs.tls('VECTOR')!.now()).toEqual({ minVersion: 'TLSv1.2', ca: OURS.ca, ...pair });
    expect(loadConfig({}).remoteSubgraphs.tls('VECTOR')).toBeUndefined();
  });
});
