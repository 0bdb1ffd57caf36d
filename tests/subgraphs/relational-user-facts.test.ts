/** Facts of one user, beside those of agents and of the whole tenant: nobody else sees, finds, counts, changes or is told of them. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { memoryFactId } from '#subgraphs/shared/ids.ts';
import { createRelationalFixture, type Asking, type RelationalFixture } from './relational-fixture.ts';

const EVERYBODY: Asking = { subject: 'helpdesk', scopes: ['memory:all'] };
const ANN: Asking = { subject: 'ann' };
const BEN: Asking = { subject: 'ben' };
/** All other scopes are no matter. */
const OTHERS: Asking = { subject: 'ANN', scopes: ['sessions:all', 'memory:write', 'audit:read'] };

const REMEMBER = `mutation ($input: RememberFactInput!) {
  rememberFact(input: $input) { fact { id key value userId validUntil agent { id } supersedes { id } } }
}`;
const FORGET = 'mutation ($id: ID!) { forgetFact(input: { id: $id }) { deletedIds fact { key userId } } }';

let fixture: RelationalFixture;
let database: pg.Client;
beforeAll(async () => {
  fixture = await createRelationalFixture();
  database = new pg.Client(fixture.url);
  await database.connect();
});
afterAll(async () => {
  await database?.end();
  await fixture?.[Symbol.asyncDispose]();
});

let tenants = 0;
const newTenant = (): string => `u${++tenants}`;
const remember = async (tenant: string, input: object, as?: Asking) =>
  (await fixture.get(tenant, REMEMBER, { input: { key: 'k', value: 'v', ...input } }, as)).rememberFact.fact;
const refused = async (tenant: string, input: object, as?: Asking) => {
  const { codes, errors } = await fixture.ask(tenant, REMEMBER, { input: { key: 'k', value: 'v', ...input } }, as);
  return [codes[0], errors?.[0]?.extensions?.['hint']];
};
const agentOf = async (tenant: string): Promise<string> =>
  (await fixture.get(tenant, 'mutation { createAgent(input: { name: "clerk" }) { agent { id } } }')).createAgent.agent
    .id;

test("a key is one fact for everybody, one for each agent, and one for each user of either's", async () => {
  const tenant = newTenant();
  const agentId = await agentOf(tenant);
  const facts = [
    await remember(tenant, {}, ANN),
    await remember(tenant, { own: false }, ANN),
    await remember(tenant, { own: true }, ANN),
    await remember(tenant, { userId: 'ann' }, ANN),
    await remember(tenant, { own: true }, BEN),
    await remember(tenant, { agentId }, ANN),
    await remember(tenant, { agentId, own: true }, ANN),
    await remember(tenant, { agentId, userId: 'ben' }, EVERYBODY),
  ];
  const [everybodys, again, anns, byName, bens, agents, agentsOfAnn, agentsOfBen] = facts.map(({ id }) => id as string);
  expect([again, byName]).toEqual([everybodys, anns]);
  expect(new Set([everybodys, anns, bens, agents, agentsOfAnn, agentsOfBen]).size).toBe(6);
  // Ids of before stay.
  expect(everybodys).toBe(memoryFactId(tenant, null, 'k', null));
  expect(facts.map(({ userId }) => userId)).toEqual([null, null, 'ann', 'ann', 'ben', null, 'ann', 'ben']);
  // The same text may be an agent's id, a key or a user.
  expect(memoryFactId('t', null, 'k', 'u')).not.toBe(memoryFactId('t', null, 'ku', null));
});

test('whoever may not see it sees, finds, counts, groups, leads to, forgets and supersedes none of it', async () => {
  const [tenant, other] = [newTenant(), newTenant()];
  const agentId = await agentOf(tenant);
  const secret = { key: 'colour', value: 'Of all colours the user likes ochre.', source: 'told in confidence', runId: 'run_1' }; // prettier-ignore
  const before = await remember(tenant, { ...secret, key: 'colour of before', own: true }, ANN);
  const fact = await remember(tenant, { ...secret, agentId, own: true, supersedes: before.id }, ANN);
  const shared = await remember(tenant, { key: 'shared', value: 'Everybody reads this.' }, BEN);
  const look = `query ($id: ID!, $agent: ID!) {
    memoryFact(id: $id) { value supersedes { id } }
    nodes(ids: [$id]) { id }
    memoryFacts { totalCount nodes { key userId } }
    byUser: memoryFacts(where: { userId: { eq: "ann" } }) { totalCount nodes { key } }
    owned: memoryFacts(where: { userId: { isNull: false } }) { totalCount nodes { key } }
    byText: memoryFacts(where: { or: [{ value: { contains: "ochre" } }, { source: { startsWith: "told" } }, { runId: { eq: "run_1" } }, { key: { eq: "colour" } }] }) { totalCount nodes { key } }
    after: memoryFacts(where: { supersedesId: { isNull: false } }) { totalCount nodes { key } }
    agent(id: $agent) { memoryFacts { totalCount nodes { key } } }
    memoryFactsAggregate(groupBy: [{ field: KEY }]) { groups { keys { key } count } }
    _entities(representations: [{ __typename: "MemoryFact", id: $id }]) { ... on MemoryFact { key } }
  }`;
  const see = (of: string, as: Asking) => fixture.get(of, look, { id: fact.id, agent: agentId }, as);
  const colours = [{ key: 'colour' }, { key: 'colour of before' }];
  const everything = await see(tenant, ANN);
  expect(everything).toMatchObject({
    memoryFact: { value: secret.value, supersedes: { id: before.id } },
    nodes: [{ id: fact.id }],
    memoryFacts: { totalCount: 3 },
    byUser: { totalCount: 2, nodes: expect.arrayContaining(colours) },
    owned: { totalCount: 2 },
    byText: { totalCount: 2 },
    after: { totalCount: 1, nodes: [{ key: 'colour' }] },
    agent: { memoryFacts: { totalCount: 1, nodes: [{ key: 'colour' }] } },
    _entities: [{ key: 'colour' }],
  });
  expect(everything.memoryFactsAggregate.groups).toHaveLength(3);
  expect(await see(tenant, EVERYBODY)).toEqual(everything);
  const none = { totalCount: 0, nodes: [] };
  const nothing = {
    memoryFact: null,
    nodes: [null],
    memoryFacts: { totalCount: 1, nodes: [{ key: 'shared', userId: null }] },
    ...{ byUser: none, owned: none, byText: none, after: none },
    agent: { memoryFacts: none },
    memoryFactsAggregate: { groups: [{ keys: { key: 'shared' }, count: 1 }] },
    _entities: [null],
  };
  for (const as of [BEN, OTHERS]) expect(await see(tenant, as)).toEqual(nothing);
  for (const as of [ANN, EVERYBODY])
    expect(await see(other, as)).toMatchObject({ memoryFact: null, memoryFacts: none, agent: null });

  for (const [of, as] of [
    [tenant, BEN],
    [tenant, OTHERS],
    [other, ANN],
    [other, EVERYBODY],
  ] as const) {
    // prettier-ignore
    expect((await fixture.ask(of, FORGET, { id: fact.id }, as)).codes).toEqual(['NOT_FOUND']);
    // Nor is it told whether there is such a fact: by one that there is and one that there is not, the same is said.
    for (const supersedes of [fact.id, memoryFactId(tenant, null, 'nothing', 'ann')])
      expect(await refused(of, { key: 'x', own: true, supersedes }, as)).toEqual(['NOT_FOUND', undefined]);
  }
  for (const userId of ['ann', 'somebody'])
    expect(await refused(tenant, { userId }, BEN)).toEqual(['FORBIDDEN', expect.stringContaining('memory:all')]);
  // Under the same key another's is another fact, and neither changes the other.
  await remember(tenant, { ...secret, agentId, value: 'Blue.', own: true }, BEN);
  expect((await see(tenant, ANN)).memoryFact.value).toBe(secret.value);
  // The log says whose it was, and no word of what.
  const { rows } = await database.query<{ details: object; subject_id: string }>(
    'SELECT subject_id, details FROM relational.audit_entries WHERE tenant_id = $1 ORDER BY created_at, id',
    [tenant],
  );
  expect(rows.find(({ subject_id }) => subject_id === fact.id)!.details).toEqual({ userId: 'ann', supersedes: before.id }); // prettier-ignore
  expect(rows.find(({ subject_id }) => subject_id === shared.id)!.details).toEqual({ key: 'shared' });
  expect(JSON.stringify(rows)).not.toContain('colour');
  expect((await fixture.get(tenant, FORGET, { id: fact.id }, ANN)).forgetFact).toEqual({ deletedIds: [fact.id], fact: { key: 'colour', userId: 'ann' } }); // prettier-ignore
  expect((await fixture.get(tenant, FORGET, { id: before.id }, EVERYBODY)).forgetFact.deletedIds).toEqual([before.id]);
});

test("one takes the place of one of the same user's, and of everybody's of one of everybody's", async () => {
  const tenant = newTenant();
  const [own, bens, all] = [await remember(tenant, { own: true }, ANN), await remember(tenant, { userId: 'ben' }, EVERYBODY), await remember(tenant, {}, ANN)]; // prettier-ignore
  const hint = expect.stringContaining('supersedes');
  expect(await refused(tenant, { key: 'x', supersedes: own.id }, ANN)).toEqual(['BAD_USER_INPUT', hint]);
  expect(await refused(tenant, { key: 'x', own: true, supersedes: all.id }, ANN)).toEqual(['BAD_USER_INPUT', hint]);
  expect(await refused(tenant, { key: 'x', userId: 'ann', supersedes: bens.id }, EVERYBODY)).toEqual(['BAD_USER_INPUT', hint]); // prettier-ignore
  expect((await remember(tenant, { key: 'x', own: true, supersedes: own.id }, ANN)).supersedes).toEqual({ id: own.id });
  expect((await remember(tenant, { key: 'x', userId: 'ben', supersedes: bens.id }, EVERYBODY)).supersedes).toEqual({ id: bens.id }); // prettier-ignore
  expect(await refused(tenant, { own: true, supersedes: own.id }, ANN)).toEqual(['BAD_USER_INPUT', expect.anything()]);
});

test.each<[string, object]>([
  ['both ways of saying it', { own: true, userId: 'ann' }],
  ['both, of which one says no', { own: false, userId: 'ann' }],
  ['no user', { userId: '' }],
  ['blanks', { userId: '   ' }],
  ['a NUL', { userId: 'a\0b' }],
  ['a lone surrogate', { userId: 'a\ud800' }],
  ['what no user is', { userId: 'system:retention' }],
  ['nor so', { userId: 'System:x' }],
  ['with a blank behind it', { userId: 'ann ' }],
  ['a user of 513 characters', { userId: 'u'.repeat(513) }],
])('%s is refused', async (_, input) => {
  expect((await refused(newTenant(), input, EVERYBODY))[0]).toBe('BAD_USER_INPUT');
});

test.each([
  "o'neil",
  'müller',
  '"; DROP TABLE relational.memory_facts; --',
  '%',
  '_',
  'ann\u200b',
  'Ann',
  'an',
  'אנה',
  'on',
])('a user who is called %j has his own, and nobody of a name that is like it', async (subject) => {
  const tenant = newTenant();
  await remember(tenant, { own: true }, ANN);
  await remember(tenant, { own: true, value: 'his' }, { subject });
  const { memoryFacts } = await fixture.get(tenant, '{ memoryFacts { nodes { value userId } } }', {}, { subject });
  expect(memoryFacts.nodes).toEqual([{ value: 'his', userId: subject }]);
});

test("the wall is the store's: who names no user sees what is everybody's, and writes for nobody else", async () => {
  const tenant = newTenant();
  await remember(tenant, {}, ANN);
  await remember(tenant, { own: true }, ANN);
  const as = async (settings: Record<string, string>, sql: string): Promise<unknown[]> => {
    await database.query('BEGIN; SET LOCAL ROLE tributary_tenant');
    try {
      for (const [name, value] of Object.entries({ 'app.tenant_id': tenant, ...settings }))
        await database.query('SELECT set_config($1, $2, true)', [name, value]);
      return (await database.query(sql)).rows;
    } finally {
      await database.query('ROLLBACK');
    }
  };
  const whose = 'SELECT user_id FROM relational.memory_facts ORDER BY user_id';
  expect(await as({}, whose)).toEqual([{ user_id: null }]);
  expect(await as({ 'app.subject': 'ben', 'app.every_subject': 'on' }, whose)).toEqual([{ user_id: null }]);
  expect(await as({ 'app.subject': 'ann' }, whose)).toEqual([{ user_id: 'ann' }, { user_id: null }]);
  expect(await as({ 'app.every_memory': 'on' }, whose)).toEqual([{ user_id: 'ann' }, { user_id: null }]);
  const take = `UPDATE relational.memory_facts SET user_id = 'ben' RETURNING id`;
  await expect(as({ 'app.subject': 'ann' }, take)).rejects.toThrow(/row-level security/);
  const give = `INSERT INTO relational.memory_facts (id, key, value, user_id) VALUES ('mem_x', 'k', 'v', 'ann') RETURNING id`;
  await expect(as({ 'app.subject': 'ben' }, give)).rejects.toThrow(/row-level security/);
});
