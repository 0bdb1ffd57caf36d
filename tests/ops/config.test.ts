/** `npm run config`: where settings come from and what is wrong with them, without their secrets. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settingsReport } from '#gateway/config/settings.ts';
import { variableTable } from '#gateway/config/variables.ts';
import { configCommand } from '#ops/config/command.ts';
import { scopesOfSources, unknownScopesOfRoles } from '#ops/config/unknown-scopes.ts';

type Environment = Record<string, string>;
const CANARY = 'Canary-7f3a-secret-0123456789-0123456789';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(env: Environment, ...args: string[]) {
  const [lines, errors]: [string[], string[]] = [[], []];
  const code = configCommand(args, env, { out: (line) => lines.push(line), err: (line) => errors.push(line) });
  return { code, output: lines.join('\n'), errors: errors.join('\n') };
}

test('nothing set is nothing wrong', () => {
  expect(run({}, '--check')).toMatchObject({ code: 0, errors: '' });
  expect(run({}, '--check').output).toMatch(
    /^\d+ more have their defaults .*\n.*development mode.*\n\nNothing is wrong\.$/,
  );
});

test('each setting is told with where it comes from', () => {
  writeFileSync(join(folder, 'password'), `${CANARY}\n`);
  const env = {
    DATABASE_URL: `postgres://tributary:${CANARY}@db.example.com/tributary`,
    NEO4J_URI: 'bolt://graph.example.com',
    NEO4J_PASSWORD_FILE: join(folder, 'password'),
    S3_ENDPOINT: '',
    SUBGRAPH_MAPS_TIMEOUT_MS: '1500',
    SUBGRAPH_MAPS_REQUEST_HEADERS: `set x-key: ${CANARY}`,
    HOME: '/home/somebody',
  };
  const { settings, ...rest } = settingsReport(env);
  expect(rest).toEqual({ faults: [], unknown: [], similar: [], mode: 'development' });
  expect(settings.filter(({ from }) => from !== 'default')).toEqual([
    { name: 'DATABASE_URL', from: 'environment', secret: true },
    { name: 'NEO4J_URI', from: 'environment', secret: false, value: 'bolt://graph.example.com' },
    { name: 'NEO4J_PASSWORD', from: 'file', file: join(folder, 'password'), secret: true },
    { name: 'SUBGRAPH_MAPS_REQUEST_HEADERS', from: 'environment', secret: true },
    { name: 'SUBGRAPH_MAPS_TIMEOUT_MS', from: 'environment', secret: false, value: '1500' },
  ]);
  expect(settings).toContainEqual({ name: 'PORT', from: 'default', secret: false, value: '4000' });
  const { output } = run(env, '--check');
  expect(output).toMatch(/^NEO4J_PASSWORD +file .*password +\(secret\)$/m);
  expect(output).not.toMatch(/^PORT/m);
  expect(run(env, '--all').output).toMatch(/^PORT +default +4000$/m);
});

test.each([
  ['a value that cannot be', { PORT: 'many' }, /PORT must be a whole number/],
  ['a contradiction', { GRAPH_MODEL: 'x.graphql' }, /GRAPH_MODEL has no effect without NEO4J_URI/],
  [
    'a secret given twice',
    { S3_SECRET_KEY: CANARY, S3_SECRET_KEY_FILE: '/x' },
    /S3_SECRET_KEY and S3_SECRET_KEY_FILE are both set/,
  ],
  [
    'a file that is not there',
    { REDIS_URL_FILE: '/nowhere/at/all' },
    /REDIS_URL_FILE names a file that cannot be read \(ENOENT\)/,
  ],
  ['a misspelt name', { MAX_DEPTHS: CANARY }, /MAX_DEPTHS is not read; was MAX_DEPTH meant\?/],
  ['a file of what takes none', { PORT_FILE: '/x' }, /PORT_FILE is not read; was PORT meant\?/],
  [
    'a setting of one subgraph',
    { SUBGRAPH_MAPS_TIMEOUT: '5' },
    /SUBGRAPH_MAPS_TIMEOUT is not read; was SUBGRAPH_MAPS_TIMEOUT_MS meant\?/,
  ],
  ['a file of a subgraph’s that takes none', { SUBGRAPH_MAPS_ERRORS_FILE: '/x' }, /was SUBGRAPH_MAPS_ERRORS meant\?/],
])('%s is wrong', (_, env: Environment, told) => {
  const { code, output } = run(env, '--check');
  expect(output).toMatch(told);
  expect(code).toBe(1);
  expect(run(env)).toMatchObject({ code: 0, output });
  expect(JSON.parse(run(env, '--json', '--check').output)).toMatchObject({ ok: false });
});

test('what may be another program’s is told and not wrong', () => {
  const others = {
    NEO4J_USER: CANARY,
    S3_BUCKET_NAME: CANARY,
    QDRANT_KEY: CANARY,
    QDRANT_PORT_6333_TCP: 'tcp://10.0.0.1:6333',
  };
  expect(settingsReport(others).similar.map(({ name, meant }) => `${name}: ${meant}`)).toEqual([
    'NEO4J_USER: NEO4J_USERNAME',
    'S3_BUCKET_NAME: S3_BUCKET',
    'QDRANT_KEY: QDRANT_API_KEY',
  ]);
  expect(run(others, '--check').code).toBe(0);
});

test('scopes in ROLE_SCOPES that nothing asks for are told, but for those of sources and of settings', async () => {
  const env = {
    ROLE_SCOPES: 'a=document:write orders:change; b=* sources:special trace',
    METRICS_SCOPE: 'orders:change',
  };
  const sources = join(folder, 'sources.yaml');
  const types = '{ orders: { mutations: { insert: "sources:special" } } }';
  writeFileSync(
    sources,
    `sources:\n  crm: { kind: postgres, url: CRM_URL, tenancy: { tenant: acme }, types: ${types} }\n`,
  );
  const ofSources = await scopesOfSources(sources);
  expect(ofSources).toEqual(['sources:special']);
  expect(await scopesOfSources(join(folder, 'nowhere.yaml'))).toEqual([]);
  expect(unknownScopesOfRoles(env, ofSources)).toEqual([{ scope: 'document:write', meant: 'documents:write' }]);
  const { code, output } = run(env, '--check');
  expect(output).toMatch(/scope document:write, unless a subgraph that runs apart does; was documents:write meant\?/);
  expect(output).toContain('sources:special');
  // A subgraph of their own may ask for it.
  expect(code).toBe(0);
});

test('no secret is printed, whichever variable holds it', () => {
  for (const { name, meta } of variableTable().filter(({ meta: { secret } }) => secret === true)) {
    for (const value of [CANARY, `postgres://u:${CANARY}@h/d`, `{"a":"${CANARY}"}`]) {
      const { output } = run({ [name]: value }, '--json', '--all');
      expect(output, name).not.toContain(CANARY);
      expect((JSON.parse(output) as { settings: unknown[] }).settings, meta.section).toContainEqual({
        name,
        from: 'environment',
        secret: true,
      });
    }
  }
  for (const url of [
    `http://u:${CANARY}@h/p`,
    `http://u:a/${CANARY}@h`,
    `http://u:a?${CANARY}@h`,
    `http://u:a,${CANARY}@h`,
    `http://u:@${CANARY}@h`,
    `http://h/?token=${CANARY}`,
  ])
    for (const name of ['S3_ENDPOINT', 'QDRANT_URL', 'SUBGRAPH_MAPS_URL', 'OPENAI_BASE_URL', 'CORS_ORIGINS'])
      for (const args of [[], ['--json']])
        expect(run({ [name]: url }, '--all', ...args).output, `${name}=${url}`).not.toContain(CANARY);
});

test('values cannot act on the terminal, nor fill it', () => {
  const { output } = run({ DATA_DIR: '\u001b[2Jgone\nDATABASE_URL  environment', ALLOWED_HOSTS: 'h'.repeat(100_000) });
  // eslint-disable-next-line no-control-regex -- it is what must not be there
  expect(output).not.toMatch(/\u001b|^DATABASE_URL/m);
  expect(output.length).toBeLessThan(1_000);
});

test('it says how it is used', () => {
  expect(run({}, '--help')).toMatchObject({ code: 0, output: expect.stringContaining('npm run -s config') as string });
  expect(run({}, '--nonsense')).toMatchObject({
    code: 2,
    output: '',
    errors: expect.stringContaining('--nonsense') as string,
  });
});
