import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRelationalFixture, note, UPSERT, type RelationalFixture } from '#tests/subgraphs/relational-fixture.ts';

let fixture: RelationalFixture;
/** What tenant `a` has, by type. */
let ids: Record<
  | 'document'
  | 'chunk'
  | 'agent'
  | 'version'
  | 'fact'
  | 'session'
  | 'message'
  | 'artifact'
  | 'usage'
  | 'audit'
  | 'key'
  | 'share',
  string
>;

const CREATE = `mutation {
  createAgent(input: { name: "secret", instructions: "secret" }) { agent { id currentVersion { id } } }
  rememberFact(input: { key: "secret", value: "secret" }) { fact { id } }
  createSession(input: { title: "secret", idempotencyKey: "secret" }) { session { id } }
  createArtifact(input: { runId: "run_1", path: "secret", contentType: "text/plain", fileKey: "secret" }) { artifact { id } }
  recordUsage(input: { operation: EMBED, provider: "secret", model: "secret", inputTokens: 1, outputTokens: 0 }) { record { id } }
  createApiKey(input: { name: "secret" }) { key { id } }
}`;
const APPEND = `mutation ($id: ID!) { appendMessages(input: { sessionId: $id, messages: [{ role: USER, content: "secret" }] }) { messages { id } } }`;
/** With a project that neither stranger is of. */
const SHARE = `mutation ($id: ID!) { shareDocument(input: { id: $id, project: "third" }) { share { id } } }`;
/** Everything of tenant `a`, to see that it stays as it was. */
const EVERYTHING = `{
  tenant { id }
  agents { edges { node { id name currentVersion { instructions } versions { edges { node { id } } } } } }
  documents { edges { node { id title text metadata file { key } chunks { edges { node { id text } } } indexing { store state attempts error } } } }
  memoryFacts { edges { node { id key value } } }
  sessions { edges { node { id title messageCount summary { text } messages { nodes { id content } } } } }
  artifacts { edges { node { id path file { key } } } }
  usageRecords { edges { node { id model } } }
  auditEntries { edges { node { id action actor details } } }
  apiKeys { edges { node { id name prefix revokedAt } } }
  shares { edges { node { id toProject createdBy } } }
}`;

beforeAll(async () => {
  fixture = await createRelationalFixture();
  const { document } = (await fixture.get('a', UPSERT, note('secret', 'A secret text.'))).upsertDocument;
  const made = await fixture.get('a', CREATE);
  const session = made.createSession.session.id;
  const { appendMessages } = await fixture.get('a', APPEND, { id: session });
  const { shareDocument } = await fixture.get('a', SHARE, { id: document.id });
  const { usageRecords, auditEntries } = await fixture.get('a', EVERYTHING);
  ids = {
    document: document.id,
    chunk: document.chunks.edges[0].node.id,
    agent: made.createAgent.agent.id,
    version: made.createAgent.agent.currentVersion.id,
    fact: made.rememberFact.fact.id,
    session,
    message: appendMessages.messages[0].id,
    artifact: made.createArtifact.artifact.id,
    usage: usageRecords.edges[0].node.id,
    audit: auditEntries.edges[0].node.id,
    key: made.createApiKey.key.id,
    share: shareDocument.share.id,
  };
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

const byId =
  (field: string) =>
  (id: () => string): [string, () => Record<string, unknown>, unknown] => [
    `query ($id: ID!) { ${field}(id: $id) { id } }`,
    () => ({ id: id() }),
    { [field]: null },
  ];
const list = (field: string, filter: string, id: () => string): [string, () => Record<string, unknown>, unknown] => [
  `query ($where: ${filter}) { ${field}(where: $where) { totalCount edges { node { id } } } }`,
  () => ({ where: { or: [{ id: { eq: id() } }, { id: { not: { eq: 'x' } } }] } }),
  { [field]: { totalCount: 0, edges: [] } },
];

const groups = (field: string, filter: string, id: () => string): [string, () => Record<string, unknown>, unknown] => [
  `query ($where: ${filter}) {
    ${field}(where: $where, groupBy: [{ field: ID }]) { totalCount groups { keys { id } count } }
    all: ${field}(where: $where) { groups { count distinct { id } } }
  }`,
  () => ({ where: { or: [{ id: { eq: id() } }, { id: { not: { eq: 'x' } } }] } }),
  { [field]: { totalCount: 0, groups: [] }, all: { groups: [{ count: 0, distinct: { id: 0 } }] } },
];

/** Who has nothing of tenant `a`: another tenant, and a project of it (subgraphs/shared/tenant-id.ts). */
const STRANGERS = ['b', 'a.project'];

/** A stranger with tenant `a`'s ids: each root field, and what it must answer. */
const ATTEMPTS: Record<string, [source: string, variables: () => Record<string, unknown>, answer: unknown]> = {
  tenant: ['{ tenant { createdAt } }', () => ({}), { tenant: { createdAt: null } }],
  agent: byId('agent')(() => ids.agent),
  agents: list('agents', 'AgentFilter', () => ids.agent),
  document: byId('document')(() => ids.document),
  documents: list('documents', 'DocumentFilter', () => ids.document),
  documentFacets: [
    '{ documentFacets { documents collections { name } metadataKeys { key } } }',
    () => ({}),
    { documentFacets: { documents: 0, collections: [], metadataKeys: [] } },
  ],
  chunk: byId('chunk')(() => ids.chunk),
  memoryFact: byId('memoryFact')(() => ids.fact),
  memoryFacts: list('memoryFacts', 'MemoryFactFilter', () => ids.fact),
  session: byId('session')(() => ids.session),
  sessions: list('sessions', 'SessionFilter', () => ids.session),
  message: byId('message')(() => ids.message),
  messages: list('messages', 'MessageFilter', () => ids.message),
  artifact: byId('artifact')(() => ids.artifact),
  artifacts: list('artifacts', 'ArtifactFilter', () => ids.artifact),
  usageRecords: list('usageRecords', 'UsageRecordFilter', () => ids.usage),
  auditEntries: list('auditEntries', 'AuditEntryFilter', () => ids.audit),
  apiKeys: list('apiKeys', 'ApiKeyFilter', () => ids.key),
  shares: list('shares', 'ShareFilter', () => ids.share),
  agentsAggregate: groups('agentsAggregate', 'AgentFilter', () => ids.agent),
  documentsAggregate: groups('documentsAggregate', 'DocumentFilter', () => ids.document),
  chunksAggregate: groups('chunksAggregate', 'ChunkFilter', () => ids.chunk),
  memoryFactsAggregate: groups('memoryFactsAggregate', 'MemoryFactFilter', () => ids.fact),
  sessionsAggregate: groups('sessionsAggregate', 'SessionFilter', () => ids.session),
  messagesAggregate: groups('messagesAggregate', 'MessageFilter', () => ids.message),
  artifactsAggregate: groups('artifactsAggregate', 'ArtifactFilter', () => ids.artifact),
  usageRecordsAggregate: groups('usageRecordsAggregate', 'UsageRecordFilter', () => ids.usage),
  auditEntriesAggregate: groups('auditEntriesAggregate', 'AuditEntryFilter', () => ids.audit),
  apiKeysAggregate: groups('apiKeysAggregate', 'ApiKeyFilter', () => ids.key),
  sharesAggregate: groups('sharesAggregate', 'ShareFilter', () => ids.share),
  node: byId('node')(() => ids.document),
  nodes: [
    'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }',
    () => ({
      ids: [
        ids.document,
        ids.chunk,
        ids.agent,
        ids.version,
        ids.fact,
        ids.session,
        ids.message,
        ids.artifact,
        ids.share,
      ],
    }),
    { nodes: Array.from({ length: 9 }, () => null) },
  ],
  sharedDocuments: ['{ sharedDocuments(first: 10) { documentId } }', () => ({}), 'FORBIDDEN'],
  sharedObjects: ['{ sharedObjects(keys: []) { key } }', () => ({}), 'FORBIDDEN'],
  verifiedApiKeys: ['{ verifiedApiKeys(keys: []) { id } }', () => ({}), 'FORBIDDEN'],
  endedApiKey: ['{ endedApiKey(key: { prefix: "a", digest: "b", seal: "c" }) { id } }', () => ({}), 'FORBIDDEN'],
  outboxStatus: ['{ outboxStatus { pending } }', () => ({}), 'FORBIDDEN'],
  _service: ['{ _service { __typename } }', () => ({}), { _service: { __typename: '_Service' } }],
  _entities: [
    `query ($representations: [_Any!]!) { _entities(representations: $representations) { __typename } }`,
    () => ({
      representations: [
        ['Document', ids.document],
        ['Chunk', ids.chunk],
        ['Agent', ids.agent],
        ['AgentVersion', ids.version],
        ['MemoryFact', ids.fact],
        ['Session', ids.session],
        ['Message', ids.message],
        ['Artifact', ids.artifact],
        ['UsageRecord', ids.usage],
        ['AuditEntry', ids.audit],
        ['ApiKey', ids.key],
        ['Share', ids.share],
        ['Tenant', 'nobody'],
      ].map(([__typename, id]) => ({ __typename, id })),
    }),
    { _entities: Array.from({ length: 13 }, () => null) },
  ],
  deleteDocument: [
    `mutation ($id: ID!) { deleteDocument(input: { id: $id }) { document { id } } }`,
    () => ({ id: ids.document }),
    'NOT_FOUND',
  ],
  updateAgent: [
    `mutation ($id: ID!) { updateAgent(input: { id: $id, name: "mine" }) { agent { id } } }`,
    () => ({ id: ids.agent }),
    'NOT_FOUND',
  ],
  deleteAgent: [
    `mutation ($id: ID!) { deleteAgent(input: { id: $id }) { agent { id } } }`,
    () => ({ id: ids.agent }),
    'NOT_FOUND',
  ],
  forgetFact: [
    `mutation ($id: ID!) { forgetFact(input: { id: $id }) { fact { id } } }`,
    () => ({ id: ids.fact }),
    'NOT_FOUND',
  ],
  appendMessages: [APPEND, () => ({ id: ids.session }), 'NOT_FOUND'],
  updateSession: [
    `mutation ($id: ID!) { updateSession(input: { id: $id, title: "mine" }) { session { id } } }`,
    () => ({ id: ids.session }),
    'NOT_FOUND',
  ],
  summarizeSession: [
    `mutation ($id: ID!) { summarizeSession(input: { sessionId: $id, text: "mine", throughSequence: 1 }) { summary { text } } }`,
    () => ({ id: ids.session }),
    'NOT_FOUND',
  ],
  deleteSession: [
    `mutation ($id: ID!) { deleteSession(input: { id: $id }) { session { id } } }`,
    () => ({ id: ids.session }),
    'NOT_FOUND',
  ],
  rotateApiKey: [
    `mutation ($id: ID!) { rotateApiKey(input: { id: $id }) { secret } }`,
    () => ({ id: ids.key }),
    'NOT_FOUND',
  ],
  revokeApiKey: [
    `mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { revokedIds } }`,
    () => ({ id: ids.key }),
    'NOT_FOUND',
  ],
  shareDocument: [SHARE, () => ({ id: ids.document }), 'NOT_FOUND'],
  shareAgent: [
    `mutation ($id: ID!) { shareAgent(input: { id: $id, everyProject: true }) { share { id } } }`,
    () => ({ id: ids.agent }),
    'NOT_FOUND',
  ],
  revokeShare: [
    `mutation ($id: ID!) { revokeShare(input: { id: $id }) { share { id } } }`,
    () => ({ id: ids.share }),
    'NOT_FOUND',
  ],
  claimOutbox: [
    `mutation ($id: ID!) { claimOutbox(input: { limit: 1, leaseSeconds: 1, documentIds: [$id] }) { entries { id } } }`,
    () => ({ id: ids.document }),
    'FORBIDDEN',
  ],
  auditChanged: [
    'mutation { auditChanged(input: { rows: [{ subject: "a", action: "b", subjectType: "c", subjectId: "d", requestId: "e", fields: [] }] }) { kept } }',
    () => ({}),
    'FORBIDDEN',
  ],
  auditRefused: [
    'mutation { auditRefused(input: { actions: [{ subject: "a", action: "b", code: "c", count: 1 }] }) { kept } }',
    () => ({}),
    'FORBIDDEN',
  ],
  completeOutbox: [
    `mutation { completeOutbox(input: { entries: [{ id: "obx_1", revision: 1 }] }) { completed } }`,
    () => ({}),
    'FORBIDDEN',
  ],
  failOutbox: [
    `mutation { failOutbox(input: { entries: [{ id: "obx_1", revision: 1, error: "x", retryInSeconds: 1 }] }) { failed } }`,
    () => ({}),
    'FORBIDDEN',
  ],
  tenantIds: ['{ tenantIds(first: 10) }', () => ({}), 'FORBIDDEN'],
  referenceDocuments: ['{ referenceDocuments(first: 10) { id } }', () => ({}), 'FORBIDDEN'],
  knownDocuments: [
    'query ($ids: [ID!]!) { knownDocuments(store: GRAPH, ids: $ids) }',
    () => ({ ids: [ids.document] }),
    'FORBIDDEN',
  ],
  documentsCutOtherwise: ['{ documentsCutOtherwise(first: 10) { next } }', () => ({}), 'FORBIDDEN'],
  recutDocuments: [
    `mutation ($id: ID!) { recutDocuments(input: { ids: [$id] }) { recut } }`,
    () => ({ id: ids.document }),
    'FORBIDDEN',
  ],
  redeliverDocuments: [
    `mutation ($id: ID!) { redeliverDocuments(input: { entries: [{ documentId: $id, store: GRAPH }] }) { redelivered } }`,
    () => ({ id: ids.document }),
    'FORBIDDEN',
  ],
  // With the same names, these write things of the stranger's own; that it is so is what the last test checks.
  rememberFact: [
    `mutation ($id: ID!) { rememberFact(input: { key: "secret", value: "b", agentId: $id }) { fact { id } } }`,
    () => ({ id: ids.agent }),
    'NOT_FOUND',
  ],
};
const WRITES_OF_ITS_OWN = [
  'upsertDocument',
  'upsertDocuments',
  'createAgent',
  'createSession',
  'createArtifact',
  'recordUsage',
  'createApiKey',
];

test('a tenant and its projects are told of themselves', async () => {
  const told = async (tenantId: string) => (await fixture.get(tenantId, '{ tenant { id name project } }')).tenant;
  expect(await told('b')).toEqual({ id: 'b', name: 'b', project: null });
  expect(await told('a')).toEqual({ id: 'a', name: 'a', project: null });
  expect(await told('a.project')).toEqual({ id: 'a', name: 'a', project: 'project' });
});

test('every root field is tried', () => {
  const fields = [fixture.subgraph.schema.getQueryType(), fixture.subgraph.schema.getMutationType()].flatMap((type) =>
    Object.keys(type!.getFields()),
  );
  expect([...Object.keys(ATTEMPTS), ...WRITES_OF_ITS_OWN].sort()).toEqual(fields.sort());
});

test.each(STRANGERS.flatMap((stranger) => Object.keys(ATTEMPTS).map((field) => [field, stranger] as const)))(
  '%s as %s, with the ids of tenant a',
  async (field, stranger) => {
    const [source, variables, expected] = ATTEMPTS[field]!;
    const { data, codes } = await fixture.ask(stranger, source, variables());
    if (typeof expected === 'string') expect(codes).toEqual([expected]);
    else expect({ data, codes }).toEqual({ data: expected, codes: [] });
  },
);

test.each(STRANGERS)(
  'writing under the same names, %s writes its own, and what tenant a has stays as it was',
  async (stranger) => {
    const before = await fixture.get('a', EVERYTHING);
    const { document } = (await fixture.get(stranger, UPSERT, note('secret', 'Another text.'))).upsertDocument;
    await fixture.get(
      stranger,
      `mutation ($input: UpsertDocumentsInput!) { upsertDocuments(input: $input) { documents { id } } }`,
      {
        input: { documents: [note('secret', 'A secret text.').input] },
      },
    );
    const made = await fixture.get(stranger, CREATE);
    expect(document.id).not.toBe(ids.document);
    expect(made.rememberFact.fact.id).not.toBe(ids.fact);
    expect(made.createSession.session.id).not.toBe(ids.session);
    expect(made.createArtifact.artifact.id).not.toBe(ids.artifact);
    expect(made.createApiKey.key.id).not.toBe(ids.key);
    // The very same text is another chunk.
    expect(await fixture.get(stranger, `query ($id: ID!) { chunk(id: $id) { id } }`, { id: ids.chunk })).toEqual({
      chunk: null,
    });
    await fixture.get(stranger, `mutation ($id: ID!) { deleteDocument(input: { id: $id }) { document { id } } }`, {
      id: document.id,
    });
    expect(await fixture.get('a', EVERYTHING)).toEqual(before);
  },
);

test.each(STRANGERS)('a cursor of tenant a shows %s nothing of it', async (stranger) => {
  const { documents } = await fixture.get('a', `{ documents(orderBy: [{ field: TITLE }]) { edges { cursor } } }`);
  const page = await fixture.get(
    stranger,
    `query ($after: String) { documents(orderBy: [{ field: TITLE }], after: $after) { edges { node { id } } } }`,
    {
      after: documents.edges[0].cursor,
    },
  );
  expect(page.documents.edges).toEqual([]);
});
