/** API keys from the operator's first one on: the command line, the public API, the subgraph apart, and what is told of them. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '#gateway/config/config.ts';
import { startSubgraphServer } from '#gateway/subgraph-server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { readApiKey } from '#subgraphs/shared/api-key.ts';
import { keysCommand } from '#ops/keys/command.ts';
import { cleanEnvironment, startProgram } from '#tests/ops/program.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CREATE = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret key { id scopes createdBy } } }`;
const REVOKE = `mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { revokedIds } }`;
const LIST = '{ apiKeys { edges { node { id name prefix scopes createdBy revokedAt lastUsedAt } } } }';

let server: TestServer;
/** The operator's first key: everything of the tenant `acme`. */
let root: string;
/** That of another tenant. */
let other: string;

/** What a command writes, and its exit code. */
async function keys(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const env = { DATABASE_URL: server.databaseUrl, DATA_DIR: server.dataDir };
  const code = await keysCommand(args, env, { out: (line) => void out.push(line), err: (line) => void err.push(line) });
  return { code, stdout: out.map((line) => `${line}\n`).join(''), stderr: err.map((line) => `${line}\n`).join('') };
}

const ask = async (key: string, query: string, variables: Record<string, unknown> = {}, way = 'POST') =>
  (await WAYS_IN[way]!(server.url, { query, variables }, way === 'WebSocket' ? `Bearer ${key}` : { 'x-api-key': key }))
    .answer;
const create = async (key: string, input: Record<string, unknown>, way?: string) =>
  await ask(key, CREATE, { input: { name: 'an agent', ...input } }, way);

beforeAll(async () => {
  server = await startTestServer({ API_KEYS: 'only', ROLE_SCOPES: '*=documents:write' });
  const first = async (tenant: string): Promise<string> =>
    (await keys('create', '--tenant', tenant, '--name', 'root', '--scopes', '*')).stdout.trim();
  [root, other] = await Promise.all([first('acme'), first('initech')]);
});
afterAll(async () => await server[Symbol.asyncDispose]());

describe('on the command line', () => {
  test('a scope that nothing asks for is told, beside the key', async () => {
    const typo = await keys('create', '--tenant', 'typos', '--name', 'x', '--scopes', 'document:write documents:write');
    expect(typo.stdout).toMatch(/^trk_/);
    expect(typo.stderr.match(/Nothing here asks for .*/g)).toEqual([
      'Nothing here asks for the scope document:write, unless a subgraph that runs apart does; was documents:write meant?',
    ]);
  });

  test('npm run ingest without a key, and with one that only reads, says what to do; with its scope it writes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-keys-'));
    await writeFile(join(folder, 'a.md'), 'Of quokkas.');
    const ingest = async (token: string | undefined): Promise<{ code: number | null; output: string }> => {
      const env = cleanEnvironment({ TRIBUTARY_TOKEN: token });
      const args = ['--import', 'tsx', 'ops/ingest.ts', folder, '--url', server.url];
      using program = startProgram(process.execPath, args, { cwd: ROOT, env });
      return { code: await program.exited(), output: program.output };
    };
    const key = async (...args: string[]): Promise<string> =>
      (await keys('create', '--tenant', 'umbrella', '--name', 'notes', ...args)).stdout.trim();
    try {
      const without = await ingest(undefined);
      expect(without.code).toBe(2);
      expect(without.output).toContain('No API key was sent. Pass an API key or access token with --token');
      expect(without.output).toContain('TRIBUTARY_TOKEN');
      const reads = await ingest(await key());
      expect(reads.code).toBe(2);
      expect(reads.output).toContain('documents:write');
      expect(await ingest(await key('--scopes', 'documents:write'))).toMatchObject({ code: 0 });
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 240_000);

  test('a key is written alone, and opens what it is for', async () => {
    const { code, stdout, stderr } = await keys('create', '--tenant', 'globex', '--name', 'CI', '--days', '7');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^trk_[a-z0-9]{12}_[A-Za-z0-9_-]{54}\n$/);
    expect(stderr).not.toContain(stdout.trim().slice(17));
    expect(stderr).toContain('of the tenant globex reads only');
    const key = stdout.trim();
    expect((await ask(key, '{ tenant { id } documents { totalCount } }')).data).toMatchObject({
      tenant: { id: 'globex' },
    });
    const listed = await keys('list', '--tenant', 'globex');
    expect(listed.stdout).toMatch(
      new RegExp(`^key_\\w+  ${key.slice(0, 17)}…  globex  "CI"  reads only  made .* by system:operator`),
    );
    expect(listed.stdout.trim().split('\n')).toHaveLength(1);
    expect(listed.stdout).not.toContain(key.slice(17));
    // Whoever finds one somewhere need not know whose it is.
    expect(await keys('revoke', key)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Revoked key_\w+ of globex/) as string,
    });
    const [now, all] = await Promise.all([keys('list'), keys('list', '--all')]);
    expect(now.stdout).not.toContain('globex');
    expect(all.stdout).toMatch(/globex.*revoked/);
    for (const tenant of ['acme', 'initech']) expect(now.stdout).toContain(`  ${tenant}  `);
  });

  test('a key is rotated: both secrets open the same, either names it, and revoking ends both', async () => {
    const old = (await keys('create', '--tenant', 'umbrella', '--name', 'CI', '--scopes', 'runs:work')).stdout.trim();
    const { code, stdout, stderr } = await keys('rotate', old, '--overlap', '3600');
    const fresh = stdout.trim();
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^trk_[a-z0-9]{12}_[A-Za-z0-9_-]{54}\n$/)]);
    expect(stderr).toContain(`beside it ${old.slice(0, 17)}… until `);
    for (const canary of [old.slice(17), fresh.slice(17)]) expect(stderr).not.toContain(canary);
    for (const way of Object.keys(WAYS_IN))
      for (const key of [old, fresh])
        expect((await ask(key, '{ tenant { id } }', {}, way)).data).toMatchObject({ tenant: { id: 'umbrella' } });
    await expect
      .poll(async () => (await keys('list', '--tenant', 'umbrella')).stdout, { timeout: 10_000 })
      .toMatch(new RegExp(`${fresh.slice(0, 17)}….*runs:work.*last used.*beside ${old.slice(0, 17)}….*last used`));
    expect(await keys('revoke', old)).toMatchObject({ code: 0 });
    for (const key of [old, fresh])
      await expect
        .poll(async () => (await ask(key, '{ tenant { id } }')).errors?.[0]?.extensions['code'], { timeout: 10_000 })
        .toBe('UNAUTHENTICATED');
    expect(await keys('rotate', fresh)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('revoked') as string,
    });
    expect(await keys('rotate', 'key_nobody')).toMatchObject({ code: 1, stdout: '' });
    expect(await keys('rotate', fresh, '--overlap', '1h')).toMatchObject({ code: 2, stdout: '' });
  });

  test('it is `npm run keys`, whose output is the key and nothing else', { timeout: 90_000 }, async () => {
    const env = cleanEnvironment({ DATABASE_URL: server.databaseUrl, DATA_DIR: server.dataDir, LOG_LEVEL: 'trace' });
    const args = ['run', '-s', 'keys', '--', 'create', '--tenant', 'hooli', '--name', 'x'];
    const { stdout, stderr } = await promisify(execFile)('npm', args, { cwd: ROOT, env });
    expect(stdout).toMatch(/^trk_[a-z0-9]{12}_[A-Za-z0-9_-]{54}\n$/);
    expect(stderr).toMatch(/of the tenant hooli reads only .*It holds until \d{4}-/);
  });

  test('what cannot be meant is refused, and why is told', async () => {
    const refused = [
      [['create', '--name', 'x'], 2, 'Usage'],
      [['create', '--tenant', 'a', '--name', 'x', '--days', '99999'], 2, 'within 366 days'],
      [['create', '--tenant', '../x', '--name', 'x'], 2, '--tenant takes'],
      [['revoke', 'key_nobody'], 1, 'There is no such key.'],
    ] as const;
    await Promise.all(
      refused.map(async ([args, code, told]) => {
        expect(await keys(...args)).toEqual({ code, stdout: '', stderr: expect.stringContaining(told) as string });
      }),
    );
  });
});

describe.each(['POST', 'server-sent events', 'multipart', 'WebSocket'])('by %s', (way) => {
  test("a key makes a narrower one, none that is broader, and sees its own tenant's alone", async () => {
    const made = await create(root, { scopes: ['keys:write', 'keys:read', 'runs:work'] }, way);
    expect(made.errors).toBeUndefined();
    const { secret, key } = made.data.createApiKey;
    // Not even what everybody is granted.
    const broader = await create(secret, { scopes: ['documents:write'] }, way);
    expect([broader.data, broader.errors![0]!.extensions['code']]).toEqual([{ createApiKey: null }, 'FORBIDDEN']);
    expect(JSON.stringify(broader)).not.toContain(secret.slice(17));
    const narrower = (await create(secret, { scopes: ['runs:work'] }, way)).data.createApiKey;
    expect(narrower.key).toMatchObject({ scopes: ['runs:work'], createdBy: key.id });
    for (const [query, variables] of [
      [CREATE, { input: { name: 'x' } }],
      [LIST, {}],
      [REVOKE, { id: key.id }],
    ] as const)
      expect((await ask(narrower.secret, query, variables, way)).errors![0]!.extensions['code']).toBe('FORBIDDEN');
    const listed = (await ask(secret, LIST, {}, way)).data.apiKeys.edges.map(
      (edge: { node: { id: string } }) => edge.node.id,
    );
    expect(listed).toContain(narrower.key.id);

    expect((await ask(other, REVOKE, { id: key.id }, way)).errors![0]!.extensions['code']).toBe('NOT_FOUND');
    expect(JSON.stringify(await ask(other, LIST, {}, way))).not.toContain(key.id);
    expect((await ask(root, REVOKE, { id: key.id }, way)).data.revokeApiKey.revokedIds.sort()).toEqual(
      [key.id, narrower.key.id].sort(),
    );
  });
});

test('by MCP a key reads, and makes none', async () => {
  expect((await ask(root, LIST, {}, 'MCP')).errors).toBeUndefined();
  expect((await create(root, {}, 'MCP')).errors![0]!.extensions['code']).toBe('FORBIDDEN');
});

test('whose keys are is nothing that the public API tells', async () => {
  const { data } = await ask(root, '{ __schema { types { name } queryType { fields { name } } } }');
  const names = JSON.stringify(data);
  for (const hidden of ['verifiedApiKeys', 'PresentedApiKeyInput', 'VerifiedApiKey', 'hash', 'digest'])
    expect(names).not.toContain(`"${hidden}"`);
  const answer = await ask(root, '{ verifiedApiKeys(keys: []) { id } }');
  expect(answer.errors![0]!.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED');
});

test('a secret is in the answer that shows it, and nowhere else', async () => {
  const { secret } = (await create(root, { scopes: ['audit:read', 'keys:read', 'keys:write'] })).data.createApiKey;
  const { digest } = readApiKey(secret)!;
  const answers = [
    await ask(secret, LIST),
    await ask(secret, '{ auditEntries { edges { node { action actor details } } } }'),
    await ask(secret, `{ nothing(key: "x") }`),
    await ask(secret, '{ documents { totalCount } }', {}, 'MCP'),
    await create(secret, { scopes: ['x'] }),
    await ask(`${secret}x`, '{ documents { totalCount } }').catch((error: Error) => ({ message: error.message })),
    await (await fetch(`${server.url}/graphql`, { method: 'PUT', headers: { 'x-api-key': secret } })).text(),
    await (await fetch(`${server.url}/health/ready`, { headers: { 'x-api-key': secret } })).text(),
  ];
  const told = JSON.stringify(answers);
  for (const canary of [secret.slice(17), digest]) expect(told).not.toContain(canary);
});

test('where the relational subgraph runs apart, it is asked there', async () => {
  const env = {
    DATABASE_URL: server.databaseUrl,
    DATA_DIR: server.dataDir,
    API_KEYS: 'only',
    PORT: '0',
    LOG_LEVEL: 'error',
  };
  const apart = await startSubgraphServer('relational', loadConfig(env), createLogger({ level: 'error' }));
  try {
    await using gateway = await startTestServer({
      ...env,
      INTERNAL_TOKEN_SECRET_FILE: `${server.dataDir}/keys/internal-token`,
      SUBGRAPH_RELATIONAL_URL: `${apart.url}/graphql`,
    });
    const asked = async (key: string) =>
      (await WAYS_IN['POST']!(gateway.url, { query: '{ tenant { id } }' }, `Bearer ${key}`)).answer;
    expect((await asked(root)).data).toEqual({ tenant: { id: 'acme' } });
    expect((await asked(`${root.slice(0, -1)}!`)).errors![0]!.extensions['code']).toBe('UNAUTHENTICATED');
    const { secret, key } = (await create(root, {})).data.createApiKey;
    expect((await asked(secret)).data).toEqual({ tenant: { id: 'acme' } });
    await ask(root, REVOKE, { id: key.id });
    await expect
      .poll(async () => (await asked(secret)).errors?.[0]?.extensions['code'], { timeout: 10_000 })
      .toBe('UNAUTHENTICATED');
    // Nobody but the gateway may ask it.
    const direct = await fetch(`${apart.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': root, authorization: `Bearer ${root}` },
      body: JSON.stringify({ query: '{ tenant { id } }' }),
    });
    expect(direct.status).toBe(401);
    await apart.close();
    await expect
      .poll(async () => (await asked(root)).errors?.[0]?.extensions['code'], { timeout: 10_000 })
      .toBe('STORE_UNAVAILABLE');
  } finally {
    await apart.close();
  }
});
