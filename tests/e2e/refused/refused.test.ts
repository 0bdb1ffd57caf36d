/** What callers were refused is in their tenant's audit log, once, with how often, and in nobody else's. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadConfig } from '#gateway/config/config.ts';
import { RefusedActions } from '#gateway/auth/refused-actions.ts';
import { startServer, type RunningServer } from '#gateway/server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import type { RefusedAction } from '#subgraphs/shared/ports.ts';
import { startIssuer, type Issuer } from '#tests/gateway/issuer.ts';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';
import { startApart, type ApartSubgraphs } from '#tests/setup/apart.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

interface Entry {
  readonly actor: string;
  readonly subjectType: string;
  readonly subjectId: string;
  readonly requestId: string | null;
  readonly details: { code: string; count: number; reason?: string; address?: string };
}

let issuer: Issuer;
let server: TestServer;
let apart: ApartSubgraphs;
let gateway: RunningServer;
beforeAll(async () => {
  issuer = await startIssuer();
  const shared = {
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'tributary',
    INTERNAL_TOKEN_SECRET: 'internal-'.repeat(5),
    API_KEY_PEPPER: 'pepper-'.repeat(6),
    AUDIT_REFUSALS_WINDOW_MS: '3600000',
    AUDIT_REFUSALS: '25',
  };
  server = await startTestServer(shared);
  const env = { ...shared, DATABASE_URL: server.databaseUrl, DATA_DIR: server.dataDir, PORT: '0' };
  const log = createLogger({ level: 'silent' });
  apart = await startApart(env, log);
  gateway = await startServer(loadConfig({ ...env, ...apart.variables, AUDIT_REFUSED: 'without-addresses' }), { log });
  await gateway.ready;
}, 60_000);
afterAll(async () => {
  await gateway?.close();
  await apart?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  await issuer?.[Symbol.asyncDispose]();
});

const bearer = async (tenant: string, scope = '', sub = 'ann') =>
  `Bearer ${await issuer.token({ tenant, scope, sub })}`;
const ask = async (url: string, query: string, says: string, way = 'POST') =>
  (await WAYS_IN[way]!(url, { query }, says)).answer;
const LOG = `{ auditEntries(where: { action: { eq: "refused" } }, first: 100) { edges { node { actor subjectType subjectId requestId details } } } }`;
const entries = async (tenant: string): Promise<Entry[]> => {
  const { data, errors } = await ask(server.url, LOG, await bearer(tenant, 'audit:read', 'auditor'));
  expect(errors).toBeUndefined();
  return data!.auditEntries.edges.map(({ node }: { node: Entry }) => node);
};
/** The entries, once there are so many. */
const untilThere = async (tenant: string, count: number): Promise<Entry[]> =>
  await vi.waitFor(
    async () => {
      const there = await entries(tenant);
      expect(there.length).toBeGreaterThanOrEqual(count);
      return there;
    },
    { timeout: 20_000, interval: 100 },
  );

describe.each([
  ['in one process', 'a', () => server.url, '127.0.0.1'],
  ['with all subgraphs apart, without addresses', 'b', () => gateway.url, undefined],
] as const)('%s', (_, name, url, address) => {
  test('for want of a scope, under an alias, in a fragment, and for what its tenant does not have', async () => {
    const tenant = `scope-${name}`;
    const nobody = await bearer(tenant);
    await ask(url(), 'mutation { x: createAgent(input: { name: "n" }) { agent { id } } }', nobody);
    await ask(url(), '{ ...F } fragment F on Query { y: auditEntries { totalCount } }', nobody);
    await ask(
      url(),
      'mutation { deleteAgent(input: { id: "agt_theirs" }) { agent { id } } }',
      await bearer(tenant, 'agents:write', 'bob'),
    );
    const there = await untilThere(tenant, 3);
    const where = address === undefined ? {} : { address };
    expect(
      there.map(({ actor, subjectType, subjectId, details }) => [actor, subjectType, subjectId, details]).sort(),
    ).toEqual(
      [
        ['ann', 'Action', 'Mutation.createAgent', { code: 'FORBIDDEN', count: 1, ...where }],
        ['ann', 'Action', 'Query.auditEntries', { code: 'FORBIDDEN', count: 1, ...where }],
        ['bob', 'Action', 'Mutation.deleteAgent', { code: 'NOT_FOUND', count: 1, ...where }],
      ].sort(),
    );
    for (const { requestId } of there) expect(requestId).toMatch(/^[\w:-]{8,}$/);
  });

  test('by every way in, once each, whatever was asked besides', async () => {
    const tenant = `ways-${name}`;
    for (const [index, way] of Object.keys(WAYS_IN).entries())
      await ask(
        url(),
        '{ apiKeys { totalCount } documents { totalCount } }',
        await bearer(tenant, '', `caller${index}`),
        way,
      );
    const there = await untilThere(tenant, Object.keys(WAYS_IN).length);
    expect(there.map(({ actor, subjectId }) => `${actor} ${subjectId}`).sort()).toEqual(
      Object.keys(WAYS_IN).map((__, index) => `caller${index} Query.apiKeys`),
    );
  });

  test('of tokens and keys that have ended, whose they were; of made-up ones nothing', async () => {
    const tenant = `ended-${name}`;
    const expired = await issuer.token({ tenant, sub: 'late' }, { expiresInSeconds: -3_600 });
    await ask(url(), '{ documents { totalCount } }', `Bearer ${expired}`);
    // Neither a foreign signature, nor another audience, nor a text of the right form writes into anybody's log.
    const forged = await issuer.token({ tenant, sub: 'forged' }, { expiresInSeconds: -3_600, foreignKey: true });
    const elsewhere = await issuer.token({ tenant, sub: 'elsewhere', aud: 'other' }, { expiresInSeconds: -3_600 });
    for (const token of [forged, elsewhere, 'x.y.z', `trk_abcdefghijkl_${'A'.repeat(54)}`])
      await ask(url(), '{ documents { totalCount } }', `Bearer ${token}`);
    const owner = await bearer(tenant, 'keys:write');
    const { data } = await ask(url(), 'mutation { createApiKey(input: { name: "k" }) { secret key { id } } }', owner);
    const { secret, key } = data!.createApiKey;
    await ask(url(), `mutation { revokeApiKey(input: { id: "${key.id}" }) { revokedIds } }`, owner);
    for (const way of ['POST', 'MCP'])
      await ask(url(), '{ documents { totalCount } }', `Bearer ${secret}`, way).catch(String);
    const there = await untilThere(tenant, 2);
    const told = there.map(({ actor, subjectId, details: { code, reason } }) => [actor, subjectId, code, reason]);
    expect(told.sort()).toEqual(
      [
        ['late', 'sign-in', 'UNAUTHENTICATED', 'expired'],
        [key.id, 'sign-in', 'UNAUTHENTICATED', 'revoked'],
      ].sort(),
    );
    expect(JSON.stringify(there)).not.toContain(secret.slice(17));
  });

  test('a flood is a few entries', async () => {
    const tenant = `flood-${name}`;
    const nobody = await bearer(tenant);
    const fields = Array.from(
      { length: 40 },
      (__, index) => `a${index}: forgetFact(input: { id: "mem_${index}" }) { fact { id } }`,
    );
    for (let round = 0; round < 5; round += 1) await ask(url(), `mutation { ${fields.join(' ')} }`, nobody);
    const callers = await Promise.all(Array.from({ length: 40 }, (__, index) => bearer(tenant, '', `many${index}`)));
    for (const caller of callers)
      await ask(url(), 'mutation { forgetFact(input: { id: "x" }) { fact { id } } }', caller);
    expect((await untilThere(tenant, 25)).length).toBe(25);
    expect((await entries(tenant)).filter(({ actor }) => actor === 'ann')).toHaveLength(1);
  });
});

test("no tenant reads of another's, and nobody without the scope", async () => {
  await ask(server.url, 'mutation { createAgent(input: { name: "n" }) { agent { id } } }', await bearer('mine'));
  await untilThere('mine', 1);
  expect(await entries('theirs')).toEqual([]);
  expect((await ask(server.url, LOG, await bearer('mine'))).errors![0]!.extensions['code']).toBe('FORBIDDEN');
});

describe('counting', () => {
  const attempt = (more: object = {}) => ({
    tenantId: 't',
    subject: 's',
    action: 'Mutation.x',
    code: 'FORBIDDEN',
    address: 'here',
    requestId: 'r',
    ...more,
  });
  const kept = (options: object = {}) => {
    const written: (RefusedAction & { tenant: string })[] = [];
    const actions = new RefusedActions({
      sink: () => ({
        refused: async (context, list) =>
          void written.push(...list.map((each) => ({ ...each, tenant: context.principal.tenantId }))),
      }),
      log: (message) => void written.push({ message } as never),
      ...options,
    });
    return { actions, written };
  };

  test('what is tried again is counted, and written when the while is over', async () => {
    const { actions, written } = kept();
    for (let count = 0; count < 1_000; count += 1) actions.note(attempt({ requestId: `r${count}` }));
    actions.note(attempt({ subject: 'other' }));
    await vi.waitFor(() => expect(written).toHaveLength(2), { timeout: 20_000 });
    expect(written[0]).toMatchObject({ tenant: 't', subject: 's', requestId: 'r0', count: 1_000 });
    for (let count = 0; count < 10; count += 1) actions.note(attempt());
    await actions.close();
    expect(written.slice(2)).toEqual([expect.objectContaining({ subject: 's', count: 10 })]);
  });

  test('a tenant has so many, then one for the rest; another has its own', async () => {
    const { actions, written } = kept({ auditRefusals: 3 });
    for (let count = 0; count < 1_000; count += 1) actions.note(attempt({ subject: `s${count}` }));
    actions.note(attempt({ tenantId: 'u' }));
    await actions.close();
    expect(written.map(({ tenant, subject, action, count }) => [tenant, subject, action, count])).toEqual([
      ['t', 's0', 'Mutation.x', 1],
      ['t', 's1', 'Mutation.x', 1],
      ['t', 's2', 'Mutation.x', 1],
      ['t', 'system:audit', 'others', 997],
      ['u', 's', 'Mutation.x', 1],
    ]);
  });

  test('a store that is away costs the entries, and nobody else anything', async () => {
    const { actions, written } = kept({ sink: () => ({ refused: () => Promise.reject(new Error('away')) }) });
    actions.note(attempt());
    await actions.close();
    expect(written).toEqual([{ message: 'What was refused could not be written to the audit log.' }]);
  });
});
