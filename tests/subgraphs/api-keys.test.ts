/** API keys as the relational subgraph makes, keeps and verifies them. */
import { graphql } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { RELATIONAL } from '#subgraphs/relational/bounds.ts';
import { createPostgresDriver } from '#subgraphs/relational/drivers/postgres/index.ts';
import { createRelational } from '#subgraphs/relational/index.ts';
import { isKept, newKey, pepperOf } from '#subgraphs/relational/keys/secret.ts';
import { readApiKey, redactApiKeys } from '#subgraphs/shared/api-key.ts';
import { createRequestContext, type Principal, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { createRelationalFixture, contextOf, type RelationalFixture } from './relational-fixture.ts';

const PEPPER = 'p'.repeat(32);
const OTHER = 'q'.repeat(32);
const DAY_MS = 86_400_000;

describe('a key', () => {
  test('is a mark, a prefix, a secret and a seal, and never the same', () => {
    const keys = Array.from({ length: 200 }, () => newKey([PEPPER]));
    for (const { text, prefix, hash } of keys) {
      expect(text).toMatch(/^trk_[a-z0-9]{12}_[A-Za-z0-9_-]{54}$/);
      const read = readApiKey(text)!;
      expect(read.prefix).toBe(prefix);
      expect(pepperOf(read, [PEPPER])).toBe(PEPPER);
      expect(isKept(read, hash, PEPPER)).toBe(true);
      // Nothing that is kept or sent has the secret in it.
      const secret = text.slice(17, 60);
      expect(JSON.stringify([read.prefix, read.digest, read.seal, hash.toString('base64url')])).not.toContain(secret);
    }
    expect(new Set(keys.map(({ prefix }) => prefix)).size).toBe(keys.length);
  });

  test('that is changed in one character was not made here', () => {
    const { text } = newKey([PEPPER]);
    for (let at = 0; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === 'a' ? 'b' : 'a'}${text.slice(at + 1)}`;
      const read = readApiKey(changed);
      expect(read === undefined ? undefined : pepperOf(read, [PEPPER])).toBeUndefined();
    }
    for (const wrong of ['', 'trk_', text.slice(0, -1), `${text}a`, ` ${text}`, text.toUpperCase(), `${text}\n`])
      expect(readApiKey(wrong)).toBeUndefined();
  });

  test('is made with the first pepper and accepted with any', () => {
    const [old, fresh] = [readApiKey(newKey([PEPPER]).text)!, readApiKey(newKey([OTHER, PEPPER]).text)!];
    expect([pepperOf(old, [OTHER, PEPPER]), pepperOf(fresh, [OTHER, PEPPER])]).toEqual([PEPPER, OTHER]);
    expect([pepperOf(old, [OTHER]), pepperOf(fresh, [PEPPER])]).toEqual([undefined, undefined]);
  });

  test('is cut off behind its prefix wherever it is written', () => {
    const { text, prefix } = newKey([PEPPER]);
    expect(redactApiKeys(`a "${text}", ${text}!`)).toBe(`a "trk_${prefix}_[redacted]", trk_${prefix}_[redacted]!`);
    // Percent-encoding ends in a letter, and names may stand right before it.
    expect(redactApiKeys(`/zz%2F${text} x_${text}`)).toBe(`/zz%2Ftrk_${prefix}_[redacted] x_trk_${prefix}_[redacted]`);
    expect(redactApiKeys(`key=${text.slice(0, 40)}`)).toBe(`key=trk_${prefix}_[redacted]`);
  });
});

describe('the subgraph', () => {
  let fixture: RelationalFixture;
  let subgraph: Subgraph;
  let owner: pg.Client;
  beforeAll(async () => {
    fixture = await createRelationalFixture();
    const { postgres } = fixture;
    subgraph = await createRelational({ apiKeyPeppers: [PEPPER], apiKeys: 20, keyMaxDays: 100 }, { postgres });
    owner = new pg.Client(fixture.url);
    await owner.connect();
  });
  afterAll(async () => {
    await owner.end();
    await subgraph.close();
    await fixture[Symbol.asyncDispose]();
  });

  let tenants = 0;
  const person = (more: Partial<Principal> = {}): Principal => ({
    tenantId: `t${++tenants}`,
    subject: 'ann',
    roles: [],
    scopes: ['keys:write', 'keys:read', 'runs:work', 'audit:read'],
    ...more,
  });
  const asKey = ({ tenantId, scopes }: Principal, subject: string): Principal => ({
    tenantId,
    subject,
    roles: [],
    scopes,
  });
  async function ask(principal: Principal, source: string, variableValues: Record<string, unknown> = {}) {
    const contextValue: RequestContext = createRequestContext(principal);
    const { data, errors } = await graphql({ schema: subgraph.schema, source, variableValues, contextValue });
    return { data: data as any, codes: errors?.map(({ extensions }) => extensions['code']), errors }; // eslint-disable-line @typescript-eslint/no-explicit-any -- a wrong shape fails the test
  }
  const CREATE = `mutation ($input: CreateApiKeyInput!) {
    createApiKey(input: $input) { secret key { id name prefix scopes createdBy expiresAt revokedAt lastUsedAt } } }`;
  const REVOKE = `mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { revokedIds key { id revokedAt } } }`;
  const create = async (principal: Principal, input: Record<string, unknown> = {}) =>
    await ask(principal, CREATE, { input: { name: 'n', ...input } });
  const made = async (principal: Principal, input: Record<string, unknown> = {}) => {
    const { data, errors } = await create(principal, input);
    expect(errors).toBeUndefined();
    return data.createApiKey as { secret: string; key: { id: string; expiresAt: string; scopes: string[] } };
  };
  const verify = async (...secrets: string[]) =>
    await subgraph.provides.keyStore!.verify(
      contextOf('system', { system: true }),
      secrets.map((secret) => readApiKey(secret)!),
    );

  test('shows a key once, and knows it by what it does not tell', async () => {
    const ann = person();
    const { secret, key } = await made(ann, { scopes: ['runs:work', 'runs:work'] });
    expect(key).toMatchObject({
      name: 'n',
      scopes: ['runs:work'],
      createdBy: 'ann',
      revokedAt: null,
      lastUsedAt: null,
    });
    expect(Date.parse(key.expiresAt) - Date.now()).toBeGreaterThan((RELATIONAL.keyDays - 1) * DAY_MS);
    const [known] = await verify(secret);
    expect(known).toEqual({
      id: key.id,
      tenantId: ann.tenantId,
      scopes: ['runs:work'],
      expiresAt: Date.parse(key.expiresAt),
    });
    const { rows } = await owner.query<{ text: string }>(
      `SELECT t::text AS text FROM relational.api_keys t UNION ALL SELECT a::text FROM relational.audit_entries a`,
    );
    const stored = rows.map(({ text }) => text).join('\n');
    expect(stored).toContain(key.id);
    const { digest } = readApiKey(secret)!;
    for (const canary of [secret, secret.slice(17), digest]) expect(stored).not.toContain(canary);
    const { data } = await ask(
      ann,
      '{ apiKeys { edges { node { id name scopes prefix } } } auditEntries { edges { node { action actor subjectId details } } } }',
    );
    expect(data.apiKeys.edges).toHaveLength(1);
    expect(data.auditEntries.edges).toMatchObject([
      { node: { action: 'key.create', actor: 'ann', subjectId: key.id, details: { scopes: ['runs:work'] } } },
    ]);
    expect(JSON.stringify(data)).not.toContain(secret.slice(17));
  });

  test('makes no broader key than its maker is', async () => {
    const ann = person();
    const { codes, errors, data } = await create(ann, { scopes: ['runs:work', 'documents:write', 'secrets'] });
    expect(codes).toEqual(['FORBIDDEN']);
    expect(errors![0]!.extensions['hint']).toContain('documents:write, secrets');
    expect(data).toEqual({ createApiKey: null });
    expect((await made(ann)).key.scopes).toEqual([]);
    const narrow = asKey({ ...ann, scopes: ['keys:write'] }, (await made(ann, { scopes: ['keys:write'] })).key.id);
    expect((await create(narrow, { scopes: ['runs:work'] })).codes).toEqual(['FORBIDDEN']);
    expect((await create(narrow, { scopes: ['keys:write'] })).codes).toBeUndefined();
  });

  test.each([
    ['an empty name', { name: ' ' }],
    ['a key in the place of its name', { name: `mine: trk_abcdefghijkl_${'s'.repeat(54)}` }],
    ['a scope that is none', { scopes: ['a b'] }],
    ['a scope with a quote', { scopes: ['"'] }],
    ['too many scopes', { scopes: Array.from({ length: RELATIONAL.keyScopes + 1 }, () => 'runs:work') }],
    ['an end that is past', { expiresAt: '2020-01-01T00:00:00Z' }],
    ['an end that is too far', { expiresAt: '2999-01-01T00:00:00Z' }],
  ])('refuses %s', async (_, input) => {
    expect((await create(person(), input)).codes).toEqual(['BAD_USER_INPUT']);
  });

  test('a key makes none that outlives it, nor any once it is revoked', async () => {
    const ann = person();
    const end = new Date(Date.now() + 5 * DAY_MS).toISOString();
    const { key } = await made(ann, { scopes: ['keys:write'], expiresAt: end });
    const agent = asKey({ ...ann, scopes: ['keys:write'] }, key.id);
    expect((await made(agent)).key.expiresAt).toBe(end);
    const later = await create(agent, { expiresAt: new Date(Date.now() + 6 * DAY_MS).toISOString() });
    expect([later.codes, later.errors![0]!.extensions['hint']]).toEqual([['FORBIDDEN'], expect.stringContaining(end)]);
    // Nor does the same id in another tenant help.
    expect((await create({ ...agent, tenantId: person().tenantId })).codes).toEqual(['FORBIDDEN']);
    expect((await ask(ann, REVOKE, { id: key.id })).codes).toBeUndefined();
    expect((await create(agent)).codes).toEqual(['FORBIDDEN']);
  });

  test('revokes a key with all that were made with it, and no others', async () => {
    const ann = person();
    const scopes = ['keys:write'];
    const root = await made(ann, { scopes });
    const child = await made(asKey({ ...ann, scopes }, root.key.id), { scopes });
    const grandchild = await made(asKey({ ...ann, scopes }, child.key.id), { scopes });
    const beside = await made(ann, { scopes });
    const all = [root, child, grandchild, beside].map(({ secret }) => secret);
    expect((await verify(...all)).filter((known) => known === undefined)).toEqual([]);
    const { data } = await ask(ann, REVOKE, { id: child.key.id });
    expect(data.revokeApiKey.revokedIds).toEqual([child.key.id, grandchild.key.id].sort());
    expect((await verify(...all)).map((known) => known?.id)).toEqual([
      root.key.id,
      undefined,
      undefined,
      beside.key.id,
    ]);
    const again = await ask(ann, REVOKE, { id: child.key.id });
    expect(again.data.revokeApiKey).toEqual({ revokedIds: [], key: data.revokeApiKey.key });
    const { data: audited } = await ask(
      ann,
      '{ auditEntries(where: { action: { eq: "key.revoke" } }) { edges { node { subjectId } } } }',
    );
    expect(
      audited.auditEntries.edges.map((edge: { node: { subjectId: string } }) => edge.node.subjectId).sort(),
    ).toEqual([child.key.id, grandchild.key.id].sort());
  });

  const ROTATE = `mutation ($input: RotateApiKeyInput!) { rotateApiKey(input: $input) { secret key {
    id name prefix scopes createdBy expiresAt revokedAt lastUsedAt
    previousSecrets { prefix replacedAt expiresAt lastUsedAt } } } }`;
  const rotate = async (principal: Principal, id: string, overlapSeconds?: number) =>
    await ask(principal, ROTATE, { input: { id, overlapSeconds } });
  type Rotated = Awaited<ReturnType<typeof made>> & { key: { previousSecrets: Record<string, string | null>[] } };
  const rotated = async (...given: Parameters<typeof rotate>): Promise<Rotated> => {
    const { data, errors } = await rotate(...given);
    expect(errors).toBeUndefined();
    return data.rotateApiKey as Rotated;
  };

  describe('gives a key another secret', () => {
    test('of the same key; the one before holds for the overlap, and revoking ends both', async () => {
      const ann = person();
      const { secret, key } = await made(ann, { scopes: ['runs:work'] });
      await verify(secret);
      const next = await rotated(ann, key.id, 600);
      expect(next.key).toMatchObject({ ...key, prefix: readApiKey(next.secret)!.prefix, lastUsedAt: null });
      const [before, ...none] = next.key.previousSecrets;
      expect([before!['prefix'], none]).toEqual([readApiKey(secret)!.prefix, []]);
      expect(Date.parse(before!['lastUsedAt']!)).toBeGreaterThan(0);
      const until = Date.parse(before!['expiresAt']!);
      expect(until - Date.parse(before!['replacedAt']!)).toBe(600_000);
      const same = { id: key.id, tenantId: ann.tenantId, scopes: ['runs:work'] };
      expect(await verify(secret, next.secret)).toEqual([
        { ...same, expiresAt: until },
        { ...same, expiresAt: Date.parse(key.expiresAt) },
      ]);
      // By hash, each under its own prefix.
      const [old, fresh] = [readApiKey(secret)!, readApiKey(next.secret)!];
      const crossed = [
        { ...fresh, prefix: old.prefix },
        { ...old, prefix: fresh.prefix },
      ];
      expect(await subgraph.provides.keyStore!.verify(contextOf('system', { system: true }), crossed)).toEqual([
        undefined,
        undefined,
      ]);
      const { data } = await ask(
        ann,
        '{ auditEntries(where: { action: { eq: "key.rotate" } }) { edges { node { actor subjectId details } } } }',
      );
      const { prefix } = fresh;
      const details = { prefix, previous: { prefix: old.prefix, until: before!['expiresAt'] } };
      expect(data.auditEntries.edges).toEqual([{ node: { actor: 'ann', subjectId: key.id, details } }]);
      await ask(ann, REVOKE, { id: key.id });
      expect(await verify(secret, next.secret)).toEqual([undefined, undefined]);
      const ended = await subgraph.provides.keyStore!.ended(contextOf('system', { system: true }), old);
      expect(ended).toMatchObject({ id: key.id, reason: 'revoked' });
    });

    test('use of each is noted by itself', async () => {
      const ann = person();
      const { secret, key } = await made(ann);
      const next = await rotated(ann, key.id, 600);
      const used = async () => {
        const { data } = await ask(ann, '{ apiKeys { edges { node { lastUsedAt previousSecrets { lastUsedAt } } } } }');
        const { node } = data.apiKeys.edges[0];
        return [node.lastUsedAt !== null, node.previousSecrets[0].lastUsedAt !== null];
      };
      expect(await used()).toEqual([false, false]);
      await verify(secret);
      expect(await used()).toEqual([false, true]);
      await verify(next.secret);
      expect(await used()).toEqual([true, true]);
    });

    test('the one before ends with the overlap, and never after its key; whose it was is known', async () => {
      const ann = person();
      const { secret, key } = await made(ann, { expiresAt: new Date(Date.now() + 60_000) });
      const next = await rotated(ann, key.id, 3_600);
      expect(next.key.previousSecrets[0]!['expiresAt']).toBe(key.expiresAt);
      const last = await rotated(ann, key.id, 0);
      expect((await verify(secret, next.secret, last.secret)).map((known) => known?.id)).toEqual([
        undefined,
        undefined,
        key.id,
      ]);
      const ended = async (text: string) =>
        await subgraph.provides.keyStore!.ended(contextOf('system', { system: true }), readApiKey(text)!);
      const replaced = { id: key.id, tenantId: ann.tenantId, reason: 'replaced' };
      expect([await ended(secret), await ended(next.secret), await ended(last.secret)]).toEqual([
        replaced,
        replaced,
        undefined,
      ]);
    });

    test('to nobody who has less than the key, nor to a key that did not make it', async () => {
      const ann = person();
      const all = ['keys:write', 'runs:work'];
      const { key: root } = await made(ann, { scopes: all });
      const { key: child } = await made(asKey({ ...ann, scopes: all }, root.id), { scopes: all });
      const { key: beside } = await made(ann, { scopes: all });
      const as = (id: string, scopes = all) => asKey({ ...ann, scopes }, id);
      const allowed: [Principal, string, boolean][] = [
        [ann, root.id, true],
        [person({ tenantId: ann.tenantId, scopes: ['keys:write'] }), root.id, false],
        [as(root.id), root.id, true],
        [as(root.id), child.id, true],
        [as(root.id, ['keys:write']), child.id, false],
        [as(child.id), child.id, true],
        [as(child.id), root.id, false],
        [as(beside.id), root.id, false],
      ];
      for (const [principal, id, may] of allowed)
        expect((await rotate(principal, id)).codes).toEqual(may ? undefined : ['FORBIDDEN']);
      expect((await rotate(person(), root.id)).codes).toEqual(['NOT_FOUND']);
      expect((await rotate(ann, 'key_nobody')).codes).toEqual(['NOT_FOUND']);
      await ask(ann, REVOKE, { id: root.id });
      expect((await rotate(as(root.id), root.id)).codes).toEqual(['FORBIDDEN']);
      expect((await rotate(ann, root.id)).codes).toEqual(['CONFLICT']);
      await owner.query(`UPDATE relational.api_keys SET expires_at = now() WHERE id = $1`, [beside.id]);
      expect((await rotate(ann, beside.id)).codes).toEqual(['CONFLICT']);
    });

    test('within bounds: of the overlap, and of secrets that hold at once, whoever asks at once', async () => {
      const ann = person();
      const { secret, key } = await made(ann);
      for (const seconds of [-1, RELATIONAL.keyMaxOverlapSeconds + 1])
        expect((await rotate(ann, key.id, seconds)).codes).toEqual(['BAD_USER_INPUT']);
      const answers = await Promise.all(Array.from({ length: 8 }, () => rotate(ann, key.id)));
      const good = answers.flatMap(({ data }) => (data.rotateApiKey?.secret as string | undefined) ?? []);
      expect(answers.flatMap(({ codes }) => codes ?? [])).toEqual(['CONFLICT', 'CONFLICT', 'CONFLICT']);
      expect((await verify(secret, ...good)).filter((known) => known === undefined)).toEqual([]);
      const { secret: last, key: left } = await rotated(ann, key.id, 0);
      expect((await verify(secret, ...good, last)).filter((known) => known !== undefined)).toHaveLength(1);
      expect(left.previousSecrets).toHaveLength(RELATIONAL.keySecrets);
      expect((await rotate(ann, key.id)).codes).toBeUndefined();
    });
  });

  test('a key that is being made while its maker is revoked is revoked with it, or not made', async () => {
    const ann = person();
    const scopes = ['keys:write'];
    const { key } = await made(ann, { scopes });
    const making = Array.from({ length: 5 }, () => create(asKey({ ...ann, scopes }, key.id)));
    const [, ...children] = await Promise.all([ask(ann, REVOKE, { id: key.id }), ...making]);
    const secrets = children.flatMap(({ data }) => (data.createApiKey?.secret as string | undefined) ?? []);
    expect((await verify(...secrets)).filter((known) => known !== undefined)).toEqual([]);
  });

  test('a tenant has so many in use and no more, whoever makes them at once', async () => {
    const ann = person();
    const answers = await Promise.all(Array.from({ length: 24 }, () => create(ann)));
    expect(answers.filter(({ codes }) => codes === undefined)).toHaveLength(20);
    expect(answers.flatMap(({ codes }) => codes ?? [])).toEqual(Array.from({ length: 4 }, () => 'CONFLICT'));
    const ids = answers.flatMap(({ data }) => (data.createApiKey?.key.id as string | undefined) ?? []);
    await ask(ann, REVOKE, { id: ids[0] });
    expect((await create(ann)).codes).toBeUndefined();
    expect((await create(person())).codes).toBeUndefined();
  });

  test("an expired key does not hold, nor does one whose hash is another's", async () => {
    const ann = person();
    const [one, other] = [await made(ann), await made(ann)];
    await owner.query(`UPDATE relational.api_keys SET expires_at = now() - interval '1 ms' WHERE id = $1`, [
      one.key.id,
    ]);
    expect((await verify(one.secret, other.secret)).map((known) => known?.id)).toEqual([undefined, other.key.id]);
    await owner.query(
      `UPDATE relational.api_keys SET hash = (SELECT hash FROM relational.api_keys WHERE id = $1) WHERE id = $2`,
      [one.key.id, other.key.id],
    );
    expect(await verify(other.secret)).toEqual([undefined]);
  });

  test('when a key was used last is noted, once a minute', async () => {
    const ann = person();
    const { secret, key } = await made(ann);
    const lastUsed = async (): Promise<string | null> =>
      (await ask(ann, `{ apiKeys(where: { id: { eq: "${key.id}" } }) { edges { node { lastUsedAt } } } }`)).data.apiKeys
        .edges[0].node.lastUsedAt as string | null;
    const written = vi.spyOn(fixture.postgres, 'systemTransaction');
    try {
      await verify(secret);
      expect(written).toHaveBeenCalledTimes(2);
      const first = await lastUsed();
      expect(Math.abs(Date.parse(first!) - Date.now())).toBeLessThan(30_000);
      await verify(secret);
      expect(written).toHaveBeenCalledTimes(3);
      expect(await lastUsed()).toBe(first);
      await owner.query(`UPDATE relational.api_keys SET last_used_at = now() - interval '61 s' WHERE id = $1`, [
        key.id,
      ]);
      const before = await lastUsed();
      await verify(secret);
      expect(Date.parse((await lastUsed())!)).toBeGreaterThan(Date.parse(before!));
    } finally {
      written.mockRestore();
    }
  });

  test('no store is asked about keys that were not made here, and about many others at once', async () => {
    const ann = person();
    const good = await Promise.all(Array.from({ length: 10 }, () => made(ann)));
    await verify(...good.map(({ secret }) => secret)); // So that their use is noted.
    const asked = vi.spyOn(fixture.postgres, 'systemTransaction');
    try {
      const wrong = Array.from({ length: 400 }, () => newKey([OTHER]).text);
      expect((await verify(...wrong)).every((known) => known === undefined)).toBe(true);
      expect(asked).not.toHaveBeenCalled();
      const mixed = await verify(...wrong, ...good.map(({ secret }) => secret));
      expect(mixed.filter((known) => known !== undefined)).toHaveLength(10);
      expect(asked).toHaveBeenCalledTimes(1);
    } finally {
      asked.mockRestore();
    }
  });

  test("row-level security and grants: a tenant reads no hash, makes none of another's and changes nothing else", async () => {
    const ann = person();
    const { key } = await made(ann);
    const as = createRequestContext(ann);
    const run = (sql: string) => fixture.postgres.transaction(as, (tx) => tx.query({ sql, parameters: [] }));
    expect(await run(`SELECT DISTINCT tenant_id FROM relational.api_keys`)).toEqual([{ tenant_id: ann.tenantId }]);
    for (const sql of [
      'SELECT hash FROM relational.api_keys',
      'SELECT * FROM relational.api_keys',
      `UPDATE relational.api_keys SET scopes = '["*"]'`,
      `UPDATE relational.api_keys SET expires_at = now() + interval '9 years'`,
      'SELECT hash FROM relational.api_key_secrets',
      `UPDATE relational.api_key_secrets SET hash = ''`,
      `UPDATE relational.api_key_secrets SET key_id = ''`,
      `INSERT INTO relational.api_key_secrets (tenant_id, key_id, prefix, hash, expires_at) VALUES ('x', '${key.id}', 'x', '', now())`,
      `UPDATE relational.api_keys SET last_used_at = now()`,
      'DELETE FROM relational.api_keys',
      `INSERT INTO relational.api_keys (tenant_id, id, name, prefix, hash, scopes, created_by, expires_at) VALUES ('x', 'key_x', 'x', 'x', '', '[]', 'x', now())`,
    ])
      await expect(run(sql)).rejects.toThrow(/permission denied|row-level security/);
    const system = (sql: string) =>
      fixture.postgres.systemTransaction(contextOf('system', { system: true }), (tx) =>
        tx.query({ sql, parameters: [] }),
      );
    for (const sql of [
      `UPDATE relational.api_keys SET prefix = 'x'`,
      `UPDATE relational.api_key_secrets SET expires_at = now() + interval '9 years'`,
      `UPDATE relational.api_keys SET revoked_at = NULL`,
    ])
      await expect(system(sql)).rejects.toThrow(/permission denied/);
    // It may erase tenants; but it removes nothing where none is being erased.
    for (const table of ['api_keys', 'api_key_secrets', 'documents', 'agents', 'memory_facts', 'sessions'])
      expect(await system(`DELETE FROM relational.${table} RETURNING tenant_id`), table).toEqual([]);
    expect(await run('SELECT id FROM relational.api_keys')).toEqual([{ id: key.id }]);
    expect((await verify((await made(ann)).secret))[0]?.tenantId).toBe(ann.tenantId);
    expect(key.id).toMatch(/^key_/);
  });

  test('only the gateway itself may ask whose keys are', async () => {
    const { secret } = await made(person());
    const query = 'query ($keys: [PresentedApiKeyInput!]!) { verifiedApiKeys(keys: $keys) { id tenantId } }';
    const keys = [readApiKey(secret)];
    expect((await ask(person(), query, { keys })).codes).toEqual(['FORBIDDEN']);
    const driver = await createPostgresDriver(fixture.postgres);
    await expect(driver.apiKeysOf(contextOf('a'), ['x'])).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const system = person({ tenantId: 'system', system: true });
    expect((await ask(system, query, { keys })).data.verifiedApiKeys).toHaveLength(1);
    const many = Array.from({ length: RELATIONAL.keysVerified + 1 }, () => readApiKey(secret));
    expect((await ask(system, query, { keys: many })).codes).toEqual(['BAD_USER_INPUT']);
  });
});
