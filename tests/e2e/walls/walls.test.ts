/**
 * Every public field, asked by those who may not see what it shows: another tenant, with everything that it may do and the
 * first one's ids in every argument, and a caller of the same tenant without scopes. Nothing is listed here: the fields are
 * those of the API, and one that is added fails the control until the walk reaches it.
 */
import { OperationTypeNode, type GraphQLSchema } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { internalTokens } from '#gateway/auth/internal-token.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { startServer, type RunningServer } from '#gateway/server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { subgraphSchemas } from '#ops/schema.ts';
import { projectOf, tenantOf } from '#subgraphs/shared/tenant-id.ts';
import { ALL_SCOPES, rootTypes, scopeOf } from '#subgraphs/shared/scopes.ts';
import { SUBGRAPH_NAMES, type SubgraphName } from '#subgraphs/shared/subgraph.ts';
import { VLLM } from '#tests/contract/model-dialects.ts';
import { startStandIn, type StandIn } from '#tests/contract/openai-server.ts';
import { startIssuer, type Issuer } from '#tests/gateway/issuer.ts';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';
import { startApart, type ApartSubgraphs } from '#tests/setup/apart.ts';
import { isInaccessible, leastOperation } from '#tests/setup/least-operation.ts';
import { delivered } from '#tests/setup/delivered.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { API, askAll, operations, reading, type Asked } from './asking.ts';
import { beyondNothing, leaks, marksOf } from './leaks.ts';
import {
  connectAsApplication,
  definerFunctions,
  rowsOf,
  tables,
  type ApplicationConnection,
  type Table,
} from './rows.ts';
import { SchemaWalk } from './schema-walk.ts';
import { changingArguments, nestedArguments, readingArguments } from './ways.ts';
import { makeWorld, type Ask, type World } from './world.ts';

/** What all texts of the tenant have, and nobody else's. */
const CANARY = 'canary5e1f';
/** Whose it is: a project's of a tenant. */
const OWNER = 'acme.red';
const STRANGERS_WORD = 'stranger9b2c';
const SECRET = 'k'.repeat(32);

let issuer: Issuer;
let models: StandIn;
let server: TestServer;
let apart: ApartSubgraphs;
let gateway: RunningServer;
let database: pg.Client;
/** What is attacked. */
let world: World;
/** What the tenant itself changes and deletes, one for each deployment. */
let spares: World[];
/** The token of somebody, by what his data is kept under. */
let bearer: (tenantId: string, scopes?: readonly string[]) => Promise<string>;

const DEPLOYMENTS = [
  ['in one process', 0, () => server.url],
  ['with all subgraphs apart', 1, () => gateway.url],
] as const;

beforeAll(async () => {
  issuer = await startIssuer();
  bearer = async (tenantId, scopes = ALL_SCOPES) => {
    const [tenant, project] = [tenantOf(tenantId), projectOf(tenantId)];
    return `Bearer ${await issuer.token({ tenant, project, scope: scopes.join(' ') })}`;
  };
  models = await startStandIn({
    dialect: VLLM,
    rerank: 'jina',
    thought: 'Let me see.',
    // Whoever offers tools is asked to call one.
    answers: ({ messages, tools }) =>
      tools !== undefined && messages.at(-1)!.role === 'user'
        ? { text: 'One moment.', calls: [{ name: tools[0]!.function.name, arguments: { of: 'it' } }] }
        : undefined,
  });
  const shared = {
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'tributary',
    OIDC_PROJECT_CLAIM: 'project',
    INTERNAL_TOKEN_SECRET: SECRET,
    OPENAI_BASE_URL: models.baseUrl,
    OPENAI_API_KEY: models.apiKey,
    CHAT_MODEL: models.chatModel,
    EMBEDDING_MODEL: models.embeddingModel,
    INDEX_MESSAGES: 'always',
    RERANK_MODEL: 'test-rerank',
    // Entries about callers without scopes would change what strangers must leave as it is.
    AUDIT_REFUSED: 'off',
    // Too short for an answer, so that there is one that was cut.
    ASK_ANSWER_TOKENS: '16',
    MAX_COST: '10000000',
    MAX_DEPTH: '40',
  };
  server = await startTestServer(shared);
  const config = { ...shared, DATABASE_URL: server.databaseUrl, DATA_DIR: server.dataDir, PORT: '0' };
  const log = createLogger({ level: 'silent' });
  apart = await startApart(config, log);
  gateway = await startServer(loadConfig({ ...config, ...apart.variables }), { log });
  await gateway.ready;
  database = new pg.Client(server.databaseUrl);
  await database.connect();
  const owner = await bearer(OWNER);
  const ask: Ask = async (query, variables = {}) => {
    const { data, errors } = (await WAYS_IN['POST']!(server.url, { query, variables }, owner)).answer;
    if (errors !== undefined) throw new Error(`${query}: ${JSON.stringify(errors)}`);
    return data!;
  };
  [world, ...spares] = (await Promise.all(
    ['world', 'spare0', 'spare1'].map((name) => makeWorld(ask, name, CANARY)),
  )) as [World, World, World];
  await delivered(server);
  await plant();
}, 120_000);
afterAll(async () => {
  await database?.end();
  await gateway?.close();
  await apart?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  await models?.[Symbol.asyncDispose]();
  await issuer?.[Symbol.asyncDispose]();
});

/** What only a webhook, Temporal, retention or a store that fails would write. */
async function plant(): Promise<void> {
  await database.query(
    `UPDATE runs.runs SET webhook = $2, dispatch_error = $2, archived_at = now(), archive_key = $2, first_available = last_sequence + 1
     WHERE id = $1`,
    [world.archivedRun, CANARY],
  );
  await database.query(`UPDATE runs.runs SET workflow_id = $2 WHERE id = $1`, [world.failedRun, CANARY]);
  await database.query(`UPDATE relational.outbox SET error = $2 WHERE document_id = $1`, [world.documents[0], CANARY]);
  await database.query(`UPDATE relational.api_keys SET last_used_at = now() WHERE id = $1`, [world.apiKey]);
  await database.query(`UPDATE relational.api_key_secrets SET last_used_at = now()`);
}

/** Who may see nothing of the owner's, whatever he may do in his own: a name, and how he says who he is. */
const STRANGERS: readonly (readonly [string, (deployment: number) => Promise<string>])[] = [
  ['another tenant', (deployment) => bearer(`globex${deployment}`)],
  ['another project', (deployment) => bearer(`acme.blue${deployment}`)],
];

describe.each(DEPLOYMENTS)('%s', (_, index, url) => {
  const walk = new SchemaWalk(API);
  let control: Asked[];

  test('the tenant itself sees a value of every field', { timeout: 100_000 }, async () => {
    const owner = await bearer(OWNER);
    control = await askAll(url(), owner, reading(walk, world), walk, true);
    const behind = reading(walk, world).filter(({ source }) => control.every((each) => each.source !== source));
    control.push(...(await askAll(url(), owner, behind, walk, true)));
    const changes = operations(walk, OperationTypeNode.MUTATION, changingArguments(spares[index]!, CANARY));
    const changed = await askAll(url(), owner, changes, walk, true);
    // What a change leaves behind is counted after it.
    const counted = reading(walk, world).filter(({ name }) => name.endsWith('Aggregate'));
    control.push(...(await askAll(url(), owner, counted, walk, true)));
    expect({
      seen: walk.fields().filter((each) => !walk.seen.has(each)),
      asked: walk.fields().filter((each) => !walk.asked.has(each)),
      given: walk.arguments().filter((each) => !walk.given.has(each)),
    }).toEqual({ seen: [], asked: [], given: [] });
    // The log of a run that is archived is told to be elsewhere; nothing else fails.
    const failures = [...control, ...changed].flatMap(({ errors }) => errors);
    expect(failures.filter(({ extensions }) => extensions['code'] !== 'CURSOR_EXPIRED')).toEqual([]);
    // What looks for leaks finds what is the tenant's own in every answer but those that everybody gets.
    const found = control.filter((each) => leaks([each], marksOf(control, walk, CANARY)).length > 0);
    const silent = control.filter((each) => !found.includes(each) && !/\b(?:after|before):/.test(each.source));
    expect([...new Set(silent.map(({ name }) => name))].sort()).toEqual([
      'embed',
      'generate',
      'generateStream',
      'models',
      'rerank',
    ]);
  });

  describe.each(STRANGERS)('%s', (_who, as) => {
    test('sees nothing, changes nothing, and is led to nothing by what he writes', { timeout: 100_000 }, async () => {
      const [stranger, owner] = await Promise.all([as(index), bearer(OWNER)]);
      const seen = new SchemaWalk(API);
      const marks = marksOf(control, walk, CANARY);
      // There must be an event of his own to wait for, behind which nothing of theirs can be.
      const ask: Ask = async (query, variables = {}) =>
        (await WAYS_IN['POST']!(url(), { query, variables }, stranger)).answer.data!;
      const { startRun } = await ask('mutation ($id: ID!) { startRun(input: { agentId: $id }) { run { id } } }', {
        id: world.agent,
      });
      const events = '[{ type: CUSTOM, payload: { name: "x", value: 1 } }]';
      await ask(`mutation ($id: ID!) { appendRunEvents(input: { runId: $id, events: ${events} }) { run { id } } }`, {
        id: startRun.run.id,
      });
      const read = () => askAll(url(), stranger, reading(walk, world), seen);

      const first = await read();
      expect(leaks(first, marks)).toEqual([]);
      expect(
        beyondNothing(
          first,
          /^(?:Run|RunAggregate|RunGroup\w*|RunEventAggregate|RunEventGroup\w*|RunEdge|RunEventEdge|RunConnection|RunEventConnection|PageInfo|RunEvent|CustomEvent|RunStartedEvent|TenantEvent)\./,
        ),
      ).toEqual([]);

      const stored = async () => {
        // The object alone: to summarise what is in it spends tokens, which are recorded.
        const [args] = readingArguments(world, walk.cursors)['object']!;
        const source = walk.operation(OperationTypeNode.QUERY, 'object', args!, nestedArguments, 1);
        const object = await askAll(url(), owner, [{ kind: OperationTypeNode.QUERY, name: 'object', source }], walk);
        const lasting = object[0]!.leaves.filter(({ coordinate }) => coordinate !== 'StoredObject.downloadUrl');
        return { rows: await rowsOf(database, OWNER), object: lasting };
      };
      // What the owner changed last is still on its way to the stores that follow documents, for a moment.
      await vi.waitFor(
        async () => {
          const pending = `SELECT store, state FROM relational.outbox WHERE tenant_id = $1 AND state <> 'DONE'`;
          expect((await database.query(pending, [OWNER])).rows).toEqual([]);
        },
        { timeout: 30_000 },
      );
      const before = await stored();
      const changes = operations(seen, OperationTypeNode.MUTATION, changingArguments(world, STRANGERS_WORD));
      const changed = await askAll(url(), stranger, changes, seen);
      expect(leaks(changed, marks)).toEqual([]);
      expect(await stored()).toEqual(before);

      const second = await read();
      expect(leaks(second, marks, changed)).toEqual([]);
      // He has been somebody all the while: what he wrote is there.
      for (const name of [
        'agents',
        'documents',
        'memoryFacts',
        'sessions',
        'usageRecords',
        'auditEntries',
        'apiKeys',
        'runs',
      ])
        expect(
          second.filter((each) => each.name === name && each.text.includes(STRANGERS_WORD)),
          name,
        ).not.toEqual([]);
    });
  });

  test('a caller without scopes is refused what takes one, and nothing else', { timeout: 100_000 }, async () => {
    const nobody = await bearer(OWNER, []);
    const changes = operations(walk, OperationTypeNode.MUTATION, changingArguments(world, STRANGERS_WORD));
    const asked = await askAll(url(), nobody, [...reading(walk, world), ...changes], walk);
    const refused = new Set<string>();
    const refusedNodes = new Set<string>();
    for (const { name, source, errors, leaves } of asked) {
      if (name === 'node' || name === 'nodes') {
        const ids = Array.from(source.matchAll(/"([^"]+)"/g), ([, id]) => id!);
        for (const { path, extensions } of errors) {
          expect(extensions['code']).toBe('FORBIDDEN');
          refusedNodes.add(`${name} ${ids[Number(path?.[1] ?? 0)]}`);
        }
        continue;
      }
      const codes = new Set(errors.map(({ extensions }) => extensions['code']));
      // Of a search an argument decides.
      if (source.includes('rerank: true')) expect([...codes, leaves.length]).toEqual(['FORBIDDEN', 0]);
      else if (codes.has('FORBIDDEN') && leaves.length === 0) refused.add(name);
      else
        for (const { path, extensions } of errors)
          // A summary by a model spends, and is the one field below the root that does.
          expect(path?.includes('summary_1') === true ? 'FORBIDDEN' : 'CURSOR_EXPIRED').toBe(extensions['code']);
    }
    // What takes a scope to list takes it to find by its id; the other ids of one call are answered.
    const kept = [world.usage, world.audit, world.apiKey];
    expect([...refusedNodes].sort()).toEqual(
      ['node', 'nodes'].flatMap((name) => kept.map((id) => `${name} ${id}`)).sort(),
    );
    const taking = Object.values(await subgraphSchemas()).flatMap((schema) =>
      rootTypes(schema).flatMap((root) =>
        Object.values(root.getFields()).filter((field) => scopeOf(field) !== undefined),
      ),
    );
    expect([...refused].sort()).toEqual(taking.map(({ name }) => name).sort());
    const marks = marksOf(control, walk, CANARY);
    const shown = new Set(asked.filter((each) => leaks([each], marks).length > 0).map(({ name }) => name));
    for (const name of ['document', 'documents', 'memoryFact', 'run', 'entity', 'object', 'search', 'runEvents'])
      expect(shown).toContain(name);
  });

  test.each(Object.keys(WAYS_IN))('by %s a stranger sees none of it either', async (way) => {
    const query = `{ document(id: "${world.documents[0]}") { id title text file { text } } run(id: "${world.run}") { input }
      documents(where: { id: { eq: "${world.documents[0]}" } }) { edges { node { title } } } search(query: "kept between us") { edges { node { text } } } }`;
    const [owner, stranger] = await Promise.all([bearer(OWNER), bearer(`globex${index}`)]);
    expect((await WAYS_IN[way]!(url(), { query }, owner)).text).toContain(CANARY);
    const { text, answer } = await WAYS_IN[way]!(url(), { query }, stranger);
    expect(text).not.toContain(CANARY);
    expect(answer.data).toMatchObject({ document: null, run: null, documents: { edges: [] } });
  });
});

describe('a subgraph that runs apart, asked by whoever the gateway says', () => {
  let schemas: Record<SubgraphName, GraphQLSchema>;
  beforeAll(async () => {
    schemas = await subgraphSchemas();
  });

  /** The key of what the tenant has, by type. */
  const keys = (): Record<string, Record<string, string>> => ({
    ...Object.fromEntries(
      Object.entries({
        Tenant: 'acme',
        Chunk: world.chunk,
        Agent: world.agent,
        AgentVersion: world.version,
        MemoryFact: world.fact,
        Session: world.session,
        Message: world.message,
        Artifact: world.artifact,
        UsageRecord: world.usage,
        AuditEntry: world.audit,
        ApiKey: world.apiKey,
        Share: world.share,
        Run: world.run,
        Entity: world.entities[0]!,
        GraphRelation: world.relation,
      }).map(([type, id]) => [type, { id }]),
    ),
    // Where a subgraph needs the text, the gateway sends it.
    Document: { id: world.documents[0]!, text: 'What was sent.' },
    StoredObject: { key: world.objectKey },
  });
  const ask = async (name: SubgraphName, tenantId: string, query: string, variables: Record<string, unknown> = {}) => {
    const principal = { tenantId, subject: 'somebody', roles: [], scopes: [...ALL_SCOPES] };
    const token = await internalTokens(SECRET).mint(principal, name);
    return await WAYS_IN['POST']!(apart.urls[name].replace(/\/graphql$/, ''), { query, variables }, `Bearer ${token}`);
  };

  test.each(SUBGRAPH_NAMES)('%s finds nothing by the keys of another tenant', async (name) => {
    const union = schemas[name].getType('_Entity') as { getTypes(): readonly { name: string }[] } | undefined;
    const types = (union?.getTypes() ?? []).map((type) => type.name);
    expect(types.length).toBeGreaterThan(0);
    const walk = new SchemaWalk(schemas[name]);
    for (const type of types) {
      const key = keys()[type];
      expect(key, `Say how ${type} is found.`).toBeDefined();
      const query = `query ($of: [_Any!]!) { _entities(representations: $of) { __typename ... on ${type}${walk.selection(type, nestedArguments, 1)} } }`;
      const document = walk.noteAsked(query);
      const variables = { of: [{ __typename: type, ...key }] };
      // Of somebody who has nothing himself: the strangers above have runs for the owner’s agent, which are theirs.
      const [own, theirs] = [await ask(name, OWNER, query, variables), await ask(name, 'initech', query, variables)];
      expect(walk.leaves(document, own.answer.data).length, type).toBeGreaterThan(1);
      expect(theirs.text, type).not.toContain(CANARY);
      const told = walk.leaves(document, theirs.answer.data).filter(({ value }) => value !== 0 && value !== false);
      // A stub is the key that was sent, a summary one of the text that was.
      expect(
        told.filter(
          ({ coordinate, value }) =>
            !Object.values(key!).includes(value as string) && !coordinate.startsWith('Summary.'),
        ),
        type,
      ).toEqual([]);
    }
  });

  test.each(SUBGRAPH_NAMES)("%s keeps what is the gateway's own from everybody else", async (name) => {
    const { getQueryType, getMutationType } = schemas[name];
    for (const [operation, root] of [
      ['query', getQueryType.call(schemas[name])],
      ['mutation', getMutationType.call(schemas[name])],
    ] as const)
      for (const field of Object.values(root?.getFields() ?? {}).filter(isInaccessible)) {
        const { answer } = await ask(name, OWNER, leastOperation(operation, field));
        expect([field.name, answer.errors?.[0]?.extensions['code']]).toEqual([field.name, 'FORBIDDEN']);
      }
  });
});

describe('row-level security, as the role of the application', () => {
  let application: ApplicationConnection;
  let all: Table[];
  let open: Table[];
  beforeAll(async () => {
    // What only a budget and retention write.
    await database.query(`INSERT INTO inference.budget_days VALUES ('${OWNER}', '2026-01-01', '', 1, 1)`);
    await database.query(`INSERT INTO runs.tenant_logs VALUES ('${OWNER}', '1', 1)`);
    await database.query(
      `INSERT INTO vector.renewed VALUES ('${OWNER}', 'chunks', 'c', 'm', 1, 'h', 'h', '{1}') ON CONFLICT DO NOTHING`,
    );
    application = await connectAsApplication(database, server.databaseUrl);
    all = await tables(database);
    open = all.filter(({ hasTenant, privileges }) => hasTenant && privileges.length > 0);
  });
  afterAll(async () => await application?.[Symbol.asyncDispose]());

  test('every table that it may touch is secured, but for one that has nothing of anybody', () => {
    expect(open.length).toBeGreaterThan(15);
    expect(open.filter(({ secured }) => !secured).map(({ name }) => name)).toEqual([]);
    const others = all.filter(({ hasTenant, privileges }) => !hasTenant && privileges.length > 0);
    expect(others.map(({ name, privileges }) => [name, ...privileges])).toEqual([['runs.log_clock', 'SELECT']]);
    const further = all.flatMap(({ name, privileges }) => privileges.map((privilege) => `${privilege} ${name}`));
    expect(further.filter((each) => /^(?:TRUNCATE|REFERENCES|TRIGGER)/.test(each))).toEqual([]);
  });

  test('its tenant reads and changes its own rows, another none, and without a tenant there are none', async () => {
    const counted: Record<string, number> = {};
    for (const { name, privileges, readable, changeable } of open) {
      const { rows } = await database.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM ${name} WHERE tenant_id = '${OWNER}'`,
      );
      counted[name] = rows[0]!.count;
      const statements = [
        ...(privileges.includes('SELECT') ? [`SELECT ${readable.join(', ')} FROM ${name}`] : []),
        ...(privileges.includes('UPDATE') ? [`UPDATE ${name} SET ${changeable[0]} = ${changeable[0]}`] : []),
        ...(privileges.includes('DELETE') ? [`DELETE FROM ${name}`] : []),
      ];
      for (const sql of statements) {
        expect((await application.run(OWNER, sql)).rowCount, sql).toBe(counted[name]);
        expect((await application.run('nobodys', sql)).rowCount, sql).toBe(0);
        expect(await application.run(undefined, sql).then(({ rowCount }) => rowCount, String), sql).toBeOneOf([
          0,
          expect.stringContaining('app.tenant_id'),
        ]);
      }
    }
    expect(Object.keys(counted).filter((name) => counted[name] === 0)).toEqual([]);
  });

  test('a row is neither made for another tenant nor given to one', async () => {
    for (const { name, changeable } of open.filter((table) => table.changeable.includes('tenant_id'))) {
      expect(changeable).toContain('tenant_id');
      await expect(application.run(OWNER, `UPDATE ${name} SET tenant_id = 'initech'`), name).rejects.toThrow(
        /row-level security/,
      );
    }
    await expect(
      application.run(OWNER, `INSERT INTO relational.tenants (tenant_id, name) VALUES ('initech', 'x')`),
    ).rejects.toThrow(/row-level security/);
  });

  test('what runs as somebody else asks for the tenant itself', async () => {
    expect(await definerFunctions(database)).toEqual([
      'relational.shared_agent_versions(text[])',
      'relational.shared_agents(text[])',
      'relational.shared_chunks(text[])',
      'relational.shared_chunks_before(text[],integer,integer)',
      'relational.shared_chunks_of(text[],integer,integer)',
      'relational.shared_contents(text[])',
      'relational.shared_documents(text[])',
      'relational.shared_objects(text[])',
      'relational.shared_versions_behind(text[],integer,integer)',
      'relational.shared_versions_of(text[],integer,integer)',
      'vector.keyword_search(text,jsonb,jsonb,integer)',
    ]);
    const { rows: objects } = await database.query<{ key: string }>(
      'SELECT object_key AS key FROM relational.documents WHERE id = $1',
      [world.documents[0]],
    );
    const shared: [string, unknown[]][] = [
      ['shared_documents($1)', [world.documents]],
      ['shared_contents($1)', [world.documents]],
      ['shared_chunks($1)', [[world.chunk]]],
      ['shared_chunks_of($1, -1, 1)', [world.documents]],
      ['shared_objects($1)', [objects.map(({ key }) => key)]],
      ['shared_agents($1)', [[world.agent]]],
      ['shared_agent_versions($1)', [[world.version]]],
      ['shared_versions_of($1, NULL, 100)', [[world.agent]]],
    ];
    for (const [call, values] of shared) {
      const sql = `SELECT * FROM relational.${call}`;
      expect((await application.run('acme.green', sql, values)).rows.length, call).toBe(1);
      for (const tenant of [OWNER, 'acme', 'acme.blue', 'acme.greener', 'globex.green', 'green', 'initech'])
        expect((await application.run(tenant, sql, values)).rows, `${call} as ${tenant}`).toEqual([]);
      expect(await application.run(undefined, sql, values).then(({ rowCount }) => rowCount, String), call).toBeOneOf([
        0,
        expect.stringContaining('app.tenant_id'),
      ]);
    }
    const { rows } = await database.query<{ collection: string }>(
      'SELECT DISTINCT collection FROM vector.chunks ORDER BY 1',
    );
    expect(rows).toEqual([{ collection: 'chunks' }, { collection: 'chunks_facts' }, { collection: 'chunks_messages' }]);
    const search = `SELECT * FROM vector.keyword_search($1, '{"terms": [{"query": "kept", "weight": 1}], "k1": 1.2, "b": 0.75, "most": 100}', '{}', 100)`;
    expect((await application.run(OWNER, search, [rows[0]!.collection])).rows.length).toBeGreaterThan(0);
    expect((await application.run('initech', search, [rows[0]!.collection])).rows).toEqual([]);
  });
});
