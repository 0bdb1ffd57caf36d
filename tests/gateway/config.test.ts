import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Variables, variableTable } from '#gateway/config/variables.ts';
import { settingsOf } from '#gateway/config/remote-subgraphs.ts';
import { ConfigError, loadConfig } from '#gateway/config/config.ts';
import { unknownVariables } from '#gateway/config/unknown-variables.ts';
import { ERROR_CODES } from '#gateway/errors.ts';
import { printedDocs } from '#ops/docs.ts';

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).faults;
  }
  throw new Error('The configuration was accepted.');
}

describe('configuration', () => {
  test('an empty environment is development mode on loopback with the embedded stores', () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      mode: 'development',
      server: { host: '127.0.0.1', port: 4000 },
      ingestOnStart: true,
    });
    expect(config.stores).toMatchObject({
      postgres: undefined,
      neo4j: undefined,
      qdrant: undefined,
      s3: undefined,
      models: undefined,
    });
  });

  test('reports every fault at once, by name, and tells no secret', () => {
    const faults = faultsOf({
      HOST: '0.0.0.0',
      PORT: '99999',
      LOG_LEVEL: 'loud',
      MAX_DEPTH: 'deep',
      CORS_ORIGINS: 'example.com',
      DATABASE_URL: 'mysql://root:hunter2@db/x',
      S3_ENDPOINT: 'https://s3.example.com',
      INTERNAL_TOKEN_SECRET: 'hunter2',
      SUBGRAPH_VECTOR_URL: 'vector:4103',
      OPENAI_API_KEY: 'sk-1',
      OPENAI_API_KEY_FILE: '/nowhere',
      NEO4J_PASSWORD_FILE: '/nowhere/at/all',
    });
    const named = (name: string) => faults.filter((fault) => fault.startsWith(`${name} `));
    for (const name of [
      'HOST',
      'PORT',
      'LOG_LEVEL',
      'MAX_DEPTH',
      'CORS_ORIGINS',
      'DATABASE_URL',
      'S3_ACCESS_KEY',
      'S3_SECRET_KEY',
      'INTERNAL_TOKEN_SECRET',
      'SUBGRAPH_VECTOR_URL',
      'OPENAI_API_KEY',
      'NEO4J_PASSWORD_FILE',
    ]) {
      expect(named(name), name).toHaveLength(1);
    }
    expect(faults).toHaveLength(12);
    expect(faults.join()).not.toMatch(/hunter2|sk-1/);
    expect(named('HOST')[0]).toContain('OIDC_ISSUER');
  });

  test('a token issuer lifts the bond to loopback, and needs an audience', () => {
    expect(faultsOf({ HOST: '0.0.0.0', OIDC_ISSUER: 'https://id.example.com' })[0]).toContain('OIDC_AUDIENCE');
    const config = loadConfig({ HOST: '0.0.0.0', OIDC_ISSUER: 'https://id.example.com', OIDC_CLIENT_ID: 'tributary' });
    expect(config).toMatchObject({
      mode: 'authenticated',
      oidc: { audience: 'tributary', tenantClaims: ['tenant'] },
      ingestOnStart: false,
    });
  });

  test('secrets may come from files, whose last line end does not count', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-config-'));
    await writeFile(join(folder, 'url'), 'postgres://a:b@db/x\n');
    expect(loadConfig({ DATABASE_URL_FILE: join(folder, 'url') }).stores.postgres).toEqual({
      url: 'postgres://a:b@db/x',
    });
    await rm(folder, { recursive: true });
  });

  test('`off` switches single stores off', () => {
    const { stores } = loadConfig({
      DATABASE_URL: 'off',
      NEO4J_URI: 'bolt://graph:7687',
      QDRANT_URL: 'off',
      S3_ENDPOINT: 'off',
      OPENAI_BASE_URL: 'off',
    });
    expect(stores).toMatchObject({
      postgres: 'off',
      neo4j: { uri: 'bolt://graph:7687' },
      qdrant: 'off',
      s3: 'off',
      models: 'off',
    });
  });

  test('a built-in embedder is chosen by its name, beside a server for chat too; another name needs a server', () => {
    expect(loadConfig({}).stores.builtInEmbedder).toBe('static-384-v1');
    const chosen = loadConfig({ EMBEDDING_MODEL: 'hashing-384-v1' }).stores;
    expect(chosen).toMatchObject({ builtInEmbedder: 'hashing-384-v1', models: undefined, maxTokens: undefined });
    const server = { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1', CHAT_MODEL: 'm' };
    expect(loadConfig({ ...server, EMBEDDING_MODEL: 'hashing-384-v1' }).stores).toMatchObject({
      builtInEmbedder: 'hashing-384-v1',
      models: { chatModel: 'm', embeddingModel: undefined },
    });
    expect(faultsOf({ EMBEDDING_MODEL: 'hashing-384-v2' })).toEqual([
      expect.stringContaining('EMBEDDING_MODEL has no effect'),
    ]);
  });

  test('what another model embedded is embedded again where the model is named, or neither costs anything', () => {
    const reindexOf = (env: Record<string, string>) => loadConfig(env).stores.reindex;
    const served = { OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1', EMBEDDING_MODEL: 'nomic-embed-text' };
    expect(reindexOf({})).toBe('FREE');
    expect(reindexOf(served)).toBe('ALL');
    expect(reindexOf({ EMBEDDING_MODEL: 'static-384-v1' })).toBe('ALL');
    expect(reindexOf({ EMBEDDING_REINDEX: 'always' })).toBe('ALL');
    expect(reindexOf({ ...served, EMBEDDING_REINDEX: 'off' })).toBe('OFF');
    expect(faultsOf({ EMBEDDING_REINDEX: 'yes' })).toHaveLength(1);
  });

  test('what stands before texts and how much of a vector is used is said of a served model', () => {
    const asked = {
      EMBEDDING_QUERY_PREFIX: 'search_query: ',
      EMBEDDING_PASSAGE_PREFIX: 'search_document: ',
      EMBEDDING_DIMENSIONS: '256',
    };
    const server = { OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1', EMBEDDING_MODEL: 'nomic-embed-text' };
    expect(loadConfig({ ...server, ...asked }).stores.models).toMatchObject({
      embedding: { queryPrefix: 'search_query: ', passagePrefix: 'search_document: ', dimensions: 256 },
    });
    for (const env of [asked, { ...asked, EMBEDDING_MODEL: 'hashing-384-v1' }])
      expect(faultsOf(env)).toEqual(
        Object.keys(asked).map((name) => `${name} has no effect without an EMBEDDING_MODEL that a server serves.`),
      );
    expect(faultsOf({ ...server, EMBEDDING_DIMENSIONS: '0', EMBEDDING_QUERY_PREFIX: 'x'.repeat(1_001) })).toHaveLength(
      2,
    );
  });

  test('a graph model needs the Neo4j server that it is of', () => {
    expect(faultsOf({ GRAPH_MODEL: 'films.graphql' })).toEqual([expect.stringMatching(/^GRAPH_MODEL .*NEO4J_URI/)]);
    expect(faultsOf({ GRAPH_MODEL: 'films.graphql', NEO4J_URI: 'off', GRAPH_MODEL_TENANT: 'the tenant' })).toHaveLength(
      2,
    );
    const { graphModel } = loadConfig({ GRAPH_MODEL: 'films.graphql', NEO4J_URI: 'bolt://graph:7687' }).stores;
    expect(graphModel).toEqual({ file: join(process.cwd(), 'films.graphql'), tenantProperty: 'tenantId' });
  });

  test('what run streams need besides PostgreSQL is off until it is set', () => {
    expect(loadConfig({}).runs).toEqual({
      redisUrl: undefined,
      retention: { days: undefined, runs: undefined },
      dispatch: undefined,
      temporal: undefined,
      dramatiq: undefined,
      bullmq: undefined,
    });
    const { runs } = loadConfig({
      REDIS_URL: 'rediss://:p@cache:6380/1', RUN_RETENTION_DAYS: '30', RUN_RETENTION_RUNS: '1000',
      DISPATCH_ALLOWED_HOSTS: 'agents.example.com, *.example.org,', DISPATCH_SECRET: 's'.repeat(32), TEMPORAL_ADDRESS: 'temporal:7233',
      AMQP_URL: 'amqps://u:p@broker/%2F', DRAMATIQ_ACTOR: 'work',
    }); // prettier-ignore
    expect(runs).toEqual({
      redisUrl: 'rediss://:p@cache:6380/1',
      retention: { days: 30, runs: 1_000 },
      dispatch: { allowedHosts: ['agents.example.com', '*.example.org'], secret: 's'.repeat(32) },
      temporal: {
        address: 'temporal:7233',
        namespace: 'default',
        taskQueue: 'tributary-runs',
        workflowType: 'tributaryRun',
        tls: undefined,
        apiKey: undefined,
      },
      dramatiq: { url: 'amqps://u:p@broker/%2F', queue: 'tributary-runs', actor: 'work' },
      bullmq: undefined,
    });
    expect(
      loadConfig({ BULLMQ_URL: 'rediss://u:p@jobs', BULLMQ_QUEUE: 'runs', BULLMQ_PREFIX: '{b}' }).runs,
    ).toMatchObject({
      dramatiq: undefined,
      bullmq: { url: 'rediss://u:p@jobs', queue: 'runs', prefix: '{b}' },
    });
  });

  test.each<[Record<string, string>, string, RegExp]>([
    [{ REDIS_URL: 'http://cache' }, 'REDIS_URL', /redis:\/\/ or rediss/],
    [{ DATABASE_URL: 'postgres://u:hunter2#a@db/x' }, 'DATABASE_URL', /cannot be read as a URL.*%23/],
    [{ DATABASE_URL: 'postgres://u:hunter2/a@db/x' }, 'DATABASE_URL', /cannot be read as a URL.*%2F/],
    [{ RUN_RETENTION_DAYS: '0' }, 'RUN_RETENTION_DAYS', /between 1 and 36500/],
    [{ RUN_RETENTION_RUNS: 'many' }, 'RUN_RETENTION_RUNS', /whole number/],
    [{ DISPATCH_ALLOWED_HOSTS: 'a.example' }, 'DISPATCH_SECRET', /must be set beside DISPATCH_ALLOWED_HOSTS/],
    [{ DISPATCH_ALLOWED_HOSTS: 'a.example', DISPATCH_SECRET: 'short' }, 'DISPATCH_SECRET', /32 bytes/],
    [{ DISPATCH_SECRET: 's'.repeat(32) }, 'DISPATCH_SECRET', /no effect without DISPATCH_ALLOWED_HOSTS/],
    [{ AMQP_URL: 'http://u:hunter2@broker' }, 'AMQP_URL', /amqp:\/\/ or amqps/],
    [{ AMQP_URL: 'amqp://broker', DRAMATIQ_QUEUE: 'my runs' }, 'DRAMATIQ_QUEUE', /begin with a letter/],
    [{ AMQP_URL: 'amqp://broker', DRAMATIQ_QUEUE: 'a'.repeat(201) }, 'DRAMATIQ_QUEUE', /200 characters/],
    [{ AMQP_URL: 'amqp://broker', ANNOUNCE_AGAIN_MS: '5' }, 'ANNOUNCE_AGAIN_MS', /between 1000 and/],
    [{ AMQP_URL: 'amqp://broker', BULLMQ_URL: 'redis://:hunter2@jobs' }, 'BULLMQ_URL', /cannot be set beside AMQP_URL/],
    [{ BULLMQ_URL: 'amqp://:hunter2@jobs' }, 'BULLMQ_URL', /redis:\/\/ or rediss/],
    [{ BULLMQ_URL: 'redis://jobs', BULLMQ_QUEUE: 'a:b' }, 'BULLMQ_QUEUE', /begin with a letter/],
    [{ BULLMQ_URL: 'redis://jobs', BULLMQ_PREFIX: 'a b' }, 'BULLMQ_PREFIX', /must have letters/],
    [{ TEMPORAL_ADDRESS: 'http://temporal:7233' }, 'TEMPORAL_ADDRESS', /host:port/],
    [{ TEMPORAL_ADDRESS: 'temporal' }, 'TEMPORAL_ADDRESS', /host:port/],
    [{ TEMPORAL_API_KEY: 'hunter2' }, 'TEMPORAL_API_KEY', /no effect without TEMPORAL_ADDRESS/],
    [{ TEMPORAL_ADDRESS: 't:1', TEMPORAL_TLS: 'yes' }, 'TEMPORAL_TLS', /`true` or `false`/],
    [
      { TEMPORAL_ADDRESS: 't:1', TEMPORAL_TLS: 'false', TEMPORAL_API_KEY: 'hunter2' },
      'TEMPORAL_API_KEY',
      /in the clear/,
    ],
    [{ TEMPORAL_ADDRESS: 't:1', TEMPORAL_TLS_CA: 'hunter2' }, 'TEMPORAL_TLS_CA', /PEM/],
    [
      { TEMPORAL_ADDRESS: 't:1', TEMPORAL_TLS_CERT: '-----BEGIN CERTIFICATE-----' },
      'TEMPORAL_TLS_KEY',
      /beside TEMPORAL_TLS_CERT/,
    ],
    [
      { TEMPORAL_ADDRESS: 't:1', TEMPORAL_TLS_KEY: '-----BEGIN PRIVATE KEY-----' },
      'TEMPORAL_TLS_CERT',
      /beside TEMPORAL_TLS_KEY/,
    ],
  ])('%j is refused for %s', (env, name, message) => {
    const faults = faultsOf(env);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${name} `));
    expect(faults[0]).toMatch(message);
    expect(faults[0]).not.toMatch(/hunter2/);
  });

  test('Temporal is asked over TLS where anything of TLS or a key is given, from files too', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-config-'));
    try {
      const [cert, key] = ['-----BEGIN CERTIFICATE-----\nx', '-----BEGIN PRIVATE KEY-----\ny'];
      await writeFile(join(folder, 'cert'), cert);
      await writeFile(join(folder, 'key'), `${key}\n`);
      const temporal = (env: Record<string, string>) =>
        loadConfig({ TEMPORAL_ADDRESS: '[::1]:7233', ...env }).runs.temporal;
      expect(
        temporal({ TEMPORAL_TLS_CERT_FILE: join(folder, 'cert'), TEMPORAL_TLS_KEY_FILE: join(folder, 'key') })?.tls,
      ).toEqual({ ca: undefined, cert, key });
      expect(temporal({ TEMPORAL_API_KEY: 'k' })).toMatchObject({ apiKey: 'k', tls: {} });
      expect(temporal({ TEMPORAL_TLS: 'true' })?.tls).toEqual({ ca: undefined, cert: undefined, key: undefined });
      expect(temporal({})?.tls).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('the PG variables make one URL, special characters included', () => {
    const { stores } = loadConfig({
      PGHOST: 'db',
      PGPORT: '5433',
      PGUSER: 'a b',
      PGPASSWORD: 'p@:/?',
      PGDATABASE: 'x',
      PGSSLMODE: 'require',
    });
    const url = new URL((stores.postgres as { url: string }).url);
    expect([
      url.hostname,
      url.port,
      decodeURIComponent(url.username),
      decodeURIComponent(url.password),
      url.pathname,
      url.searchParams.get('sslmode'),
    ]).toEqual(['db', '5433', 'a b', 'p@:/?', '/x', 'require']);
  });

  test('empty values count as absent, and the result cannot be changed', () => {
    const config = loadConfig({ PORT: '', DATABASE_URL: '', OIDC_ISSUER: '' });
    expect(config.server.port).toBe(4000);
    expect(() => ((config.server as { port: number }).port = 1)).toThrow(TypeError);
  });
});

describe('names that nothing reads', () => {
  const unknown = (...names: string[]) =>
    loadConfig(Object.fromEntries(names.map((name) => [name, 'canary'])))
      .unknown.map(({ name, meant }) => `${name}: ${meant}`)
      .sort();

  test('are told where they are nearly one that is read, without their values', () => {
    expect(unknown('MAX_DEPTHS', 'DATADIR', 'NEO4J_URL', 'OPENAI_API_KEY_FIL', 'OIDC_ISUER')).toEqual([
      'DATADIR: DATA_DIR',
      'MAX_DEPTHS: MAX_DEPTH',
      'NEO4J_URL: NEO4J_URI',
      'OIDC_ISUER: OIDC_ISSUER',
      'OPENAI_API_KEY_FIL: OPENAI_API_KEY_FILE',
    ]);
  });

  test('are not told where they are other programs’, or a subgraph’s, or the variable that is near is set too', () => {
    expect(
      unknown(
        ...['HOME', 'POST', 'PATH', 'PGDATA', 'PGHOSTADDR', 'PGSSLCRL', 'PGPASSFILE', 'PGTZ'],
        ...['S3_ACCESS_KEY_ID', 'S3_PORT', 'REDIS_PORT', 'REDIS_HOST', 'QDRANT_PORT', 'NEO4J_USER', 'NEO4J_AUTH'],
        ...['OPENAI_API_BASE', 'OTEL_EXPORTER_OTLP_COMPRESSION', 'TEMPORAL_TLS_CERT_PATH', 'LOG_FILE', 'max_depths'],
        'TRIBUTARY_TOKEN',
      ),
    ).toEqual([]);
    expect(loadConfig({ SUBGRAPH_MAPS_TIMEOUT_MS: '1000', SUBGRAPH_VECTOR_URL: 'http://v' }).unknown).toEqual([]);
    const ofOne = { SUBGRAPH_SHARES_SUBSCRIPTIONS: 'sse', SUBGRAPH_SHARES_URL: 'http://shares' };
    expect(unknownVariables(ofOne)).toEqual([]);
    expect(loadConfig({ MAX_DEPTH: '9', MAX_DEPTHS: '3', MAX_COSTS: '' }).unknown).toEqual([]);
    expect(loadConfig(Object.fromEntries([['A'.repeat(100_000), 'x']])).unknown).toEqual([]);
  });

  test('are told of every variable, with one letter left out, twice, or in the place of its neighbour', () => {
    const names = new Set<string>(variableTable().map(({ name }) => name));
    // A shell sets none that begins with a digit, and some become others of these.
    const typos = new Set<string>();
    for (const name of names)
      for (let at = 0; at < name.length; at++) {
        const [before, letter, rest] = [name.slice(0, at), name.charAt(at), name.slice(at + 1)];
        typos.add(before + rest).add(before + letter + letter + rest);
        typos.add(before + rest.slice(0, 1) + letter + rest.slice(1));
      }
    const wrong = [...typos].filter((typo) => !names.has(typo) && /^[A-Z]/.test(typo));
    const told = new Set(
      unknownVariables(Object.fromEntries(wrong.map((typo) => [typo, 'canary']))).map(({ name }) => name),
    );
    expect(wrong.length).toBeGreaterThan(10_000);
    expect(wrong.filter((typo) => !told.has(typo))).toEqual([]);
  });

  test('are told with a word more or less, and in small letters', () => {
    expect(
      unknown('RATE_LIMIT_PER_PRINCIPAL', 'SESSION_RETENTION', 'MAX_QUERY_DEPTH', 'API_KEYS_LIST', 'ROLE_API_SCOPES'),
    ).toEqual([
      'API_KEYS_LIST: API_KEYS',
      'MAX_QUERY_DEPTH: MAX_DEPTH',
      'RATE_LIMIT_PER_PRINCIPAL: RATE_LIMIT_PRINCIPAL',
      'ROLE_API_SCOPES: ROLE_SCOPES',
      'SESSION_RETENTION: SESSION_RETENTION_DAYS',
    ]);
    expect(unknown('API_KEY', 'MAX_DEPHT', 'oidc_issuer')).toEqual([
      'API_KEY: API_KEYS',
      'MAX_DEPHT: MAX_DEPTH',
      'oidc_issuer: OIDC_ISSUER',
    ]);
    // Whose keys are set means another program by `API_KEY`.
    expect(unknownVariables({ API_KEY: 'canary', API_KEYS: 'only' })).toEqual([]);
  });

  test('are not told where they commonly stand in an environment', () => {
    const common = [
      ...[
        'PATH',
        'HOME',
        'USER',
        'SHELL',
        'LANG',
        'LANGUAGE',
        'LC_ALL',
        'TERM',
        'PWD',
        'OLDPWD',
        'SHLVL',
        'LOGNAME',
        'TZ',
      ],
      ...[
        'HOSTNAME',
        'MAIL',
        'EDITOR',
        'PAGER',
        'DISPLAY',
        'TMPDIR',
        'TEMP',
        'TMP',
        'CI',
        'DEBUG',
        'COLORTERM',
        'NO_COLOR',
      ],
      ...[
        'SSH_AUTH_SOCK',
        'SSH_CONNECTION',
        'XDG_RUNTIME_DIR',
        'XDG_DATA_HOME',
        'DBUS_SESSION_BUS_ADDRESS',
        'SUDO_USER',
      ],
      ...[
        'HTTP_PROXY',
        'HTTPS_PROXY',
        'NO_PROXY',
        'http_proxy',
        'no_proxy',
        'SSL_CERT_FILE',
        'SSL_CERT_DIR',
        '_',
        'COLUMNS',
      ],
      ...[
        'NODE_ENV',
        'NODE_OPTIONS',
        'NODE_EXTRA_CA_CERTS',
        'NODE_VERSION',
        'NODE_PATH',
        'UV_THREADPOOL_SIZE',
        'INIT_CWD',
      ],
      ...['npm_config_cache', 'npm_lifecycle_event', 'npm_package_name', 'npm_config_registry', 'npm_execpath'],
      ...[
        'PGSERVICE',
        'PGPASSFILE',
        'PGDATA',
        'PGTZ',
        'PGAPPNAME',
        'PGOPTIONS',
        'PGCONNECT_TIMEOUT',
        'POSTGRES_PASSWORD',
      ],
      ...['POSTGRES_USER', 'POSTGRES_DB', 'REDIS_TLS_URL', 'REDIS_PASSWORD', 'BASE_URL', 'NEXT_PUBLIC_BASE_URL', 'URL'],
      ...['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT', 'KUBERNETES_PORT', 'KUBERNETES_PORT_443_TCP_ADDR'],
      ...['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_METRICS_HEADERS'],
      ...['OTEL_PROPAGATORS', 'OTEL_TRACES_SAMPLER', 'OTEL_LOG_LEVEL', 'OTEL_SDK_DISABLED', 'OTEL_BSP_EXPORT_TIMEOUT'],
      ...[
        'OTEL_BLRP_SCHEDULE_DELAY',
        'OTEL_METRIC_EXPORT_TIMEOUT',
        'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
        'OTEL_NODE_RESOURCE_DETECTORS',
      ],
      ...[
        'AWS_ACCESS_KEY_ID',
        'AWS_SECRET_ACCESS_KEY',
        'AWS_REGION',
        'AWS_PROFILE',
        'S3_ACCESS_KEY_ID',
        'GITHUB_TOKEN',
      ],
      ...[
        'ANTHROPIC_API_KEY',
        'OPENAI_ORG_ID',
        'DOCKER_HOST',
        'POD_NAME',
        'POD_IP',
        'HOST_IP',
        'INVOCATION_ID',
        'WORKSPACE',
      ],
    ];
    expect(unknown(...common)).toEqual([]);
  });
});

describe('remote subgraphs', () => {
  const settings = (env: Record<string, string>, name = 'inventory-v2') =>
    settingsOf(loadConfig(env).remoteSubgraphs, name);

  test('have settings for all, and each its own where it is named', () => {
    expect(settings({ REQUEST_TIMEOUT_MS: '5000' })).toEqual({
      timeoutMs: 5_000,
      errors: 'redact',
      concurrency: 64,
      queue: 1_000,
      retries: 2,
      retryDelayMs: 50,
      longestRetryDelayMs: 1_000,
      breakAfter: 10,
      breakForMs: 5_000,
      keepAliveMs: 30_000,
      pingMs: 12_000,
      maxResponseBytes: 33_554_432,
      forwardHeaders: ['traceparent', 'tracestate'],
      deduplicate: true,
      subscriptions: { protocol: 'auto' },
      shareSubscriptions: 'start',
      operationsPerSocket: 100,
      streamBufferBytes: 1_048_576,
      connectionParams: undefined,
      resubscribe: false,
      resubscribeAttempts: 10,
      resubscribeDelayMs: 250,
      longestResubscribeDelayMs: 15_000,
      requestHeaders: [],
      responseHeaders: {},
    });
    const env = {
      SUBGRAPH_TIMEOUT_MS: '2000',
      SUBGRAPH_INVENTORY_V2_SHARE_SUBSCRIPTIONS: 'live',
      SUBGRAPH_INVENTORY_V2_TIMEOUT_MS: '100',
      SUBGRAPH_INVENTORY_V2_DEDUPLICATE: 'false',
      SUBGRAPH_INVENTORY_V2_LONGEST_RETRY_DELAY_MS: '70',
      SUBGRAPH_INVENTORY_V2_FORWARD_HEADERS: 'Authorization, X-A',
    };
    expect(settings(env)).toMatchObject({
      timeoutMs: 100,
      shareSubscriptions: 'live',
      deduplicate: false,
      longestRetryDelayMs: 70,
      forwardHeaders: ['authorization', 'x-a'],
    });
    expect(settings(env, 'other')).toMatchObject({ timeoutMs: 2_000, deduplicate: true });
  });

  test('of one may be secrets in files, and are never told', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'tributary-config-')), 'params');
    await writeFile(file, '{"apiKey":"s3cret"}\n');
    const read = settings({
      SUBGRAPH_INVENTORY_V2_CONNECTION_PARAMS_FILE: file,
      SUBGRAPH_INVENTORY_V2_REQUEST_HEADERS: 'set x-key: s3cret',
    });
    expect(read.connectionParams).toEqual({ apiKey: 's3cret' });
    expect(read.requestHeaders).toEqual([{ kind: 'set', name: 'x-key', value: 's3cret' }]);
    const faults = faultsOf({
      SUBGRAPH_A_CONNECTION_PARAMS: '{s3cret',
      SUBGRAPH_B_CONNECTION_PARAMS: '["s3cret"]',
      SUBGRAPH_C_CONNECTION_PARAMS_FILE: join(file, 'none'),
      SUBGRAPH_D_CONNECTION_PARAMS: '{}',
      SUBGRAPH_D_CONNECTION_PARAMS_FILE: file,
      SUBGRAPH_E_REQUEST_HEADERS: 'put x: s3cret',
      SUBGRAPH_F_RESPONSE_HEADERS: 'set-cookie: first',
      SUBGRAPH_SHARE_SUBSCRIPTIONS: 'always',
    });
    for (const name of 'ABCDEF') expect(faults.filter((fault) => fault.includes(`SUBGRAPH_${name}_`))).toHaveLength(1);
    expect(faults.filter((fault) => fault.startsWith('SUBGRAPH_SHARE_SUBSCRIPTIONS'))).toHaveLength(1);
    expect(faults.join()).not.toContain('s3cret');
  });

  test.each([
    ['sse', { protocol: 'sse' }],
    ['wss://a/b', { protocol: 'graphql-ws', url: 'wss://a/b' }],
    ['https://a/b', { protocol: 'sse', url: 'https://a/b' }],
  ])('stream over %s', (value, subscriptions) => {
    expect(settings({ SUBGRAPH_INVENTORY_V2_SUBSCRIPTIONS: value }).subscriptions).toEqual(subscriptions);
  });

  test('faults are told by name; headers of one connection are never passed on', () => {
    const faults = faultsOf({
      SUBGRAPH_A_TIMEOUT_MS: 'soon',
      SUBGRAPH_A_SUBSCRIPTIONS: 'ftp://a',
      SUBGRAPH_SUBSCRIPTIONS: 'wss://a',
      SUBGRAPH_B_FORWARD_HEADERS: 'host',
      SUBGRAPH_FORWARD_HEADERS: 'x-a, transfer-encoding',
    });
    for (const name of [
      'SUBGRAPH_A_TIMEOUT_MS',
      'SUBGRAPH_A_SUBSCRIPTIONS',
      'SUBGRAPH_SUBSCRIPTIONS',
      'SUBGRAPH_B_FORWARD_HEADERS',
      'SUBGRAPH_FORWARD_HEADERS',
    ]) {
      expect(
        faults.filter((fault) => fault.startsWith(`${name} `)),
        name,
      ).toHaveLength(1);
    }
    expect(faults).toHaveLength(5);
    expect(settings({ SUBGRAPH_FORWARD_HEADERS: 'none' }).forwardHeaders).toEqual([]);
  });
});

describe('documentation', () => {
  test('docs/configuration.md, docs/bounds.md and docs/errors.md are printed from the tables', async () => {
    for (const { url, text } of await printedDocs())
      expect(await readFile(url, 'utf8'), `${url.pathname}: run npm run docs`).toBe(text);
  });

  test('they name every variable and every code', async () => {
    const [configuration, , errors] = (await printedDocs()).map(({ text }) => text);
    for (const name of Object.keys(Variables.shape)) expect(configuration).toContain(`\`${name}\``);
    for (const code of Object.keys(ERROR_CODES)) expect(errors).toContain(`\`${code}\``);
  });
});
