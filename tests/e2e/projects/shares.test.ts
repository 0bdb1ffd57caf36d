/** Sharing documents and agents between projects of one tenant: who reads them, in which store, and until when. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '#gateway/config/config.ts';
import { startServer, type RunningServer } from '#gateway/server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { http } from '#tests/gateway/ways-in.ts';
import { startApart, type ApartSubgraphs } from '#tests/setup/apart.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { asking, PEOPLE, who, type Who } from './people.ts';

let server: TestServer;
let apart: ApartSubgraphs;
let gateway: RunningServer;

const [RED, BLUE, GREEN] = [who('acme', 'red'), who('acme', 'blue', 'bob'), who('acme', 'green', 'gil')];
const OUTSIDERS: Readonly<Record<string, Who>> = {
  'the tenant itself': who('acme'),
  'another tenant': who('globex'),
  'a project of another tenant with the same name': who('globex', 'blue'),
  'a tenant with the name of the project': who('blue'),
};

beforeAll(async () => {
  const settings = { ...PEOPLE, INTERNAL_TOKEN_SECRET: 'k'.repeat(32) };
  server = await startTestServer(settings);
  const config = { ...settings, DATABASE_URL: server.databaseUrl, DATA_DIR: server.dataDir, PORT: '0' };
  const log = createLogger({ level: 'silent' });
  apart = await startApart(config, log);
  gateway = await startServer(loadConfig({ ...config, ...apart.variables }), { log });
  await gateway.ready;
}, 120_000);
afterAll(async () => {
  await gateway?.close();
  await apart?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

const UPSERT = `mutation ($input: UpsertDocumentInput!) {
  upsertDocument(input: $input) { document { id chunks { edges { node { id } } } } }
}`;
const SHARE = `mutation ($id: ID!, $project: String, $every: Boolean, $until: DateTime) {
  shareDocument(input: { id: $id, project: $project, everyProject: $every, expiresAt: $until }) {
    share { id fromProject toProject createdBy expiresAt document { id title } agent { id } }
  }
}`;
const REVOKE = 'mutation ($id: ID!) { revokeShare(input: { id: $id }) { share { id toProject } } }';
const READ = `query ($id: ID!, $chunk: ID!, $key: String!) {
  document(id: $id) { id title text metadata file { key sizeBytes text downloadUrl } chunks { edges { node { id text } } } }
  chunk(id: $chunk) { id text document { id } }
  object(key: $key) { key text }
  meaning: search(query: "pelican", mode: VECTOR, first: 50) { edges { node { id text } } }
  words: search(query: "pelican", mode: KEYWORD, first: 50) { edges { node { id text } } }
  both: search(query: "pelican", first: 50) { edges { node { id document { title } } } }
}`;
const pathOf = (url: string): string => url.slice(new URL(url).origin.length);
interface Written {
  id: string;
  chunk: string;
  key: string;
}

describe.each([
  ['in one process', () => server.url],
  ['with all subgraphs apart', () => gateway.url],
])('%s', (deployment, url) => {
  const { answer, ask, untilIndexed } = asking(url);
  const code = async (...given: Parameters<typeof answer>) => (await answer(...given)).errors?.[0]?.extensions['code'];

  /** What one place decides, wherever the subgraphs are, is tried once. */
  const testHere = (name: string, run: () => Promise<void>): void => {
    if (deployment === 'in one process') test(name, run);
  };

  async function write(name: string): Promise<Written> {
    const source = `${deployment}/${name}.md`;
    const input = { title: 'Of pelicans', source, mediaType: 'text/markdown', text: `A pelican called ${name}.` };
    const { document } = (await ask(RED, UPSERT, { input })).upsertDocument;
    await untilIndexed(RED, document.id);
    const found = await ask(RED, 'query ($id: ID!) { document(id: $id) { file { key } } }', { id: document.id });
    return { id: document.id, chunk: document.chunks.edges[0].node.id, key: found.document.file.key };
  }

  /** In which of the ways to it somebody comes to the document. */
  async function seen(says: Who, { id, chunk, key }: Written): Promise<string[]> {
    const data = await ask(says, READ, { id, chunk, key });
    const has = (list: { edges: { node: { id: string } }[] }) => list.edges.some(({ node }) => node.id === chunk);
    return [
      ...(data.document === null ? [] : ['document']),
      ...(data.document?.text ? ['text'] : []),
      ...(data.document?.file?.text ? ['file'] : []),
      ...(data.document?.chunks.edges.length > 0 ? ['chunks'] : []),
      ...(data.chunk === null ? [] : ['chunk']),
      ...(data.object === null ? [] : ['object']),
      ...['meaning', 'words', 'both'].filter((search) => has(data[search])),
    ];
  }
  const EVERYTHING = ['document', 'text', 'file', 'chunks', 'chunk', 'object', 'meaning', 'words', 'both'];

  test('a document that is shared is read in every store, and is not when that is revoked', async () => {
    const document = await write('one');
    expect(await seen(BLUE, document)).toEqual([]);
    const { share } = (await ask(RED, SHARE, { id: document.id, project: 'blue' })).shareDocument;
    expect(share).toMatchObject({
      fromProject: 'red',
      toProject: 'blue',
      createdBy: 'ann',
      expiresAt: null,
      document: { id: document.id, title: 'Of pelicans' },
      agent: null,
    });
    expect(await seen(BLUE, document)).toEqual(EVERYTHING);
    const { document: read, both } = await ask(BLUE, READ, document as never);
    expect(read).toMatchObject({
      title: 'Of pelicans',
      text: 'A pelican called one.',
      file: { text: 'A pelican called one.' },
    });
    expect(both.edges[0].node.document.title).toBe('Of pelicans');
    const fromItsEnd = await ask(
      BLUE,
      'query ($id: ID!) { document(id: $id) { chunks(last: 1) { totalCount nodes { text } } } }',
      {
        id: document.id,
      },
    );
    expect(fromItsEnd.document.chunks.totalCount).toBe(1);
    expect(fromItsEnd.document.chunks.nodes).toEqual([{ text: expect.stringContaining('A pelican called one.') }]);
    expect(await seen(GREEN, document)).toEqual([]);
    for (const [name, outsider] of Object.entries(OUTSIDERS)) expect(await seen(outsider, document), name).toEqual([]);
    await ask(RED, REVOKE, { id: share.id });
    expect(await seen(BLUE, document)).toEqual([]);
    expect(await seen(RED, document)).toEqual(EVERYTHING);
  });

  testHere('every project is every one of the tenant, and nobody else', async () => {
    const document = await write('every');
    const { share } = (await ask(RED, SHARE, { id: document.id, every: true })).shareDocument;
    expect(share.toProject).toBeNull();
    const listed = async (says: Who) =>
      (await ask(says, 'query ($id: ID!) { shares(where: { id: { eq: $id } }) { totalCount } }', { id: share.id }))
        .shares;
    expect(await listed(GREEN)).toEqual({ totalCount: 1 });
    for (const [name, outsider] of Object.entries(OUTSIDERS))
      expect(await listed(outsider), name).toEqual({ totalCount: 0 });
    for (const project of [BLUE, GREEN, who('acme', 'new')]) expect(await seen(project, document)).toEqual(EVERYTHING);
    for (const [name, outsider] of Object.entries(OUTSIDERS)) expect(await seen(outsider, document), name).toEqual([]);
    await ask(RED, REVOKE, { id: share.id });
    for (const project of [BLUE, GREEN]) expect(await seen(project, document)).toEqual([]);
  });

  testHere('what is of no project can be shared with projects', async () => {
    const input = {
      title: 'Of pelicans',
      source: `${deployment}/root`,
      mediaType: 'text/plain',
      text: 'A pelican of all.',
    };
    const root = who('acme');
    const { document } = (await ask(root, UPSERT, { input })).upsertDocument;
    await untilIndexed(root, document.id);
    const { file } = (await ask(root, 'query ($id: ID!) { document(id: $id) { file { key } } }', { id: document.id }))
      .document;
    const written = { id: document.id, chunk: document.chunks.edges[0].node.id, key: file.key };
    expect(await seen(BLUE, written)).toEqual([]);
    const { share } = (await ask(root, SHARE, { id: document.id, project: 'blue' })).shareDocument;
    expect(share.fromProject).toBeNull();
    expect(await seen(BLUE, written)).toEqual(EVERYTHING);
    expect(await seen(GREEN, written)).toEqual([]);
    await ask(root, REVOKE, { id: share.id });
    expect(await seen(BLUE, written)).toEqual([]);
  });

  test('a filter of a search holds for what is shared, too', async () => {
    const [shared, kept] = [await write('filtered'), await write('kept')];
    const { share } = (await ask(RED, SHARE, { id: shared.id, project: 'blue' })).shareDocument;
    const found = async (where: object) => {
      const query =
        'query ($where: SearchFilter) { search(query: "pelican", where: $where, first: 50) { edges { node { id } } } }';
      return (await ask(BLUE, query, { where })).search.edges.map(({ node }: { node: { id: string } }) => node.id);
    };
    expect(await found({ documentId: { in: [shared.id, kept.id] } })).toEqual([shared.chunk]);
    expect(await found({ documentId: { in: [kept.id] } })).toEqual([]);
    expect(await found({ source: { in: [`${deployment}/filtered.md`] } })).toEqual([shared.chunk]);
    expect(await found({ source: { in: [`${deployment}/kept.md`] } })).toEqual([]);
    await ask(RED, REVOKE, { id: share.id });
  });

  test("of what it says about entities names and kinds are told, as those of the reader's own graph", async () => {
    const source = `${deployment}/entities.md`;
    const bird = (properties: object) => ({ name: 'Pelican', kind: 'bird', properties });
    const fish = { name: 'Herring', kind: 'fish' };
    const relations = [
      { from: { name: 'Pelican', kind: 'bird' }, to: { name: 'Herring', kind: 'fish' }, type: 'EATS' },
    ];
    const input = {
      title: 'Of pelicans',
      source,
      mediaType: 'text/plain',
      text: 'They eat.',
      entities: [bird({ secret: 'red' }), fish],
      relations,
    };
    const { id } = (await ask(RED, UPSERT, { input })).upsertDocument.document;
    await untilIndexed(RED, id);
    const READ_ENTITIES = `query ($id: ID!, $after: String) {
      document(id: $id) {
        entities(first: 1, after: $after) {
          totalCount
          pageInfo { hasNextPage endCursor }
          edges { node { id name kind properties relations { edges { node { name } } } documents { edges { node { id } } } } }
        }
      }
    }`;
    const pages = async (says: Who) => {
      const first = (await ask(says, READ_ENTITIES, { id })).document.entities;
      const second = (await ask(says, READ_ENTITIES, { id, after: first.pageInfo.endCursor })).document.entities;
      expect([first.pageInfo.hasNextPage, second.pageInfo.hasNextPage]).toEqual([true, false]);
      expect([first.totalCount, second.totalCount]).toEqual([2, 2]);
      return [first.edges[0].node, second.edges[0].node];
    };
    const owners = await pages(RED);
    expect(owners[0]).toMatchObject({
      properties: { secret: 'red' },
      relations: { edges: [{ node: { name: 'Herring' } }] },
    });
    const { share } = (await ask(RED, SHARE, { id, project: 'blue' })).shareDocument;
    const nothing = { properties: {}, relations: { edges: [] }, documents: { edges: [] } };
    const told = await pages(BLUE);
    expect(told).toEqual([
      { ...nothing, id: told[0].id, name: 'Pelican', kind: 'bird' },
      { ...nothing, id: told[1].id, name: 'Herring', kind: 'fish' },
    ]);
    expect(told.map((entity) => entity.id)).not.toEqual(owners.map((entity) => entity.id));
    // He knows something of his own of one of them.
    const entity = (
      await ask(BLUE, 'mutation ($e: UpsertEntitiesInput!) { upsertEntities(input: $e) { entities { id } } }', {
        e: { entities: [bird({ own: 'blue' })] },
      })
    ).upsertEntities.entities[0];
    expect((await pages(BLUE))[0]).toMatchObject({ id: entity.id, properties: { own: 'blue' } });
    expect(await pages(RED)).toEqual(owners);
    await ask(RED, REVOKE, { id: share.id });
    expect((await ask(BLUE, READ_ENTITIES, { id })).document).toBeNull();
    const BY_KEY = 'query ($id: ID!) { entity(id: $id) { id } }';
    for (const { id: theirs } of owners) expect((await ask(BLUE, BY_KEY, { id: theirs })).entity).toBeNull();
    await ask(BLUE, 'mutation ($ids: [ID!]!) { deleteEntities(input: { ids: $ids }) { ids } }', { ids: [entity.id] });
  });

  test('whoever reads it changes nothing, shares it no further and revokes nothing', async () => {
    const document = await write('kept-whole');
    const { share } = (await ask(RED, SHARE, { id: document.id, project: 'blue' })).shareDocument;
    expect(
      await code(BLUE, 'mutation ($id: ID!) { deleteDocument(input: { id: $id }) { document { id } } }', {
        id: document.id,
      }),
    ).toBe('NOT_FOUND');
    expect(await code(BLUE, SHARE, { id: document.id, project: 'green' })).toBe('NOT_FOUND');
    expect(await code(BLUE, SHARE, { id: document.id, every: true })).toBe('NOT_FOUND');
    expect(await code(BLUE, REVOKE, { id: share.id })).toBe('NOT_FOUND');
    const changed = await ask(
      BLUE,
      `mutation ($key: String!, $chunk: ID!) {
        deleteObject(input: { key: $key }) { deleted }
        deleteVectors(input: { chunkIds: [$chunk] }) { deletedChunkIds }
      }`,
      { key: document.key, chunk: document.chunk },
    );
    expect(changed).toEqual({ deleteObject: { deleted: false }, deleteVectors: { deletedChunkIds: [] } });
    // The same bytes under the same key are his own from then on, and not thought to be there already.
    const own = await ask(
      BLUE,
      `mutation ($input: PutObjectInput!) { putObject(input: $input) { object { key text downloadUrl } } }`,
      {
        input: {
          key: document.key,
          contentType: 'text/markdown',
          content: 'A pelican called kept-whole.',
          encoding: 'UTF8',
        },
      },
    );
    expect(pathOf(own.putObject.object.downloadUrl)).toContain('/acme.blue/');
    const DELETE = 'mutation ($key: String!) { deleteObject(input: { key: $key }) { deleted } }';
    expect((await ask(BLUE, DELETE, { key: document.key })).deleteObject).toEqual({ deleted: true });
    expect(await seen(RED, document)).toEqual(EVERYTHING);
    expect(await seen(BLUE, document)).toEqual(EVERYTHING);
    await ask(RED, REVOKE, { id: share.id });
  });

  testHere('both sides list it, and nobody else; the audit log has who did what', async () => {
    const document = await write('listed');
    const { share } = (await ask(RED, SHARE, { id: document.id, project: 'blue' })).shareDocument;
    const LIST =
      'query ($id: ID!) { shares(where: { documentId: { eq: $id } }) { totalCount edges { node { id fromProject toProject document { title } } } } }';
    const listed = async (says: Who) => (await ask(says, LIST, { id: document.id })).shares;
    const entry = { id: share.id, fromProject: 'red', toProject: 'blue', document: { title: 'Of pelicans' } };
    for (const side of [RED, BLUE]) expect(await listed(side)).toEqual({ totalCount: 1, edges: [{ node: entry }] });
    for (const says of [GREEN, ...Object.values(OUTSIDERS)])
      expect(await listed(says)).toEqual({ totalCount: 0, edges: [] });
    const OF = 'query ($id: ID!) { document(id: $id) { shares { id toProject } } }';
    await ask(RED, SHARE, { id: document.id, project: 'green' });
    expect(
      (await ask(RED, OF, { id: document.id })).document.shares.map(
        ({ toProject }: { toProject: string }) => toProject,
      ),
    ).toEqual(['blue', 'green']);
    expect((await ask(BLUE, OF, { id: document.id })).document.shares).toEqual([{ id: share.id, toProject: 'blue' }]);
    await ask(RED, REVOKE, { id: share.id });
    const AUDIT =
      'query ($id: ID!) { auditEntries(where: { subjectId: { eq: $id } }) { edges { node { action actor details } } } }';
    const { auditEntries } = await ask(RED, AUDIT, { id: document.id });
    expect(auditEntries.edges.map(({ node }: { node: { action: string } }) => node.action)).toEqual([
      'document.unshare',
      'document.share',
      'document.share',
      'document.upsert',
    ]);
    expect(auditEntries.edges[0].node).toMatchObject({ actor: 'ann', details: { share: share.id, toProject: 'blue' } });
  });

  testHere('sharing again is one share, which ends when it says', async () => {
    const document = await write('until');
    const until = (ms: number) => new Date(Date.now() + ms).toISOString();
    const first = (await ask(RED, SHARE, { id: document.id, project: 'blue', until: until(3_600_000) })).shareDocument
      .share;
    const again = (await ask(RED, SHARE, { id: document.id, project: 'blue' })).shareDocument.share;
    expect([again.id, again.expiresAt]).toEqual([first.id, null]);
    expect(await code(RED, SHARE, { id: document.id, project: 'blue', until: until(-1_000) })).toBe('BAD_USER_INPUT');
    await ask(RED, SHARE, { id: document.id, project: 'blue', until: until(3_600_000) });
    expect(await seen(BLUE, document)).toEqual(EVERYTHING);
    // An hour later.
    const database = new pg.Client(server.databaseUrl);
    await database.connect();
    await database.query(`UPDATE relational.shares SET expires_at = now() - interval '1 second' WHERE id = $1`, [
      first.id,
    ]);
    await database.end();
    expect(await seen(BLUE, document)).toEqual([]);
    expect(
      (await ask(BLUE, 'query ($id: ID!) { shares(where: { id: { eq: $id } }) { totalCount } }', { id: first.id }))
        .shares.totalCount,
    ).toBe(0);
  });

  testHere('a document that is deleted is shared no longer, also when it is written again', async () => {
    const document = await write('again');
    await ask(RED, SHARE, { id: document.id, project: 'blue' });
    await ask(RED, 'mutation ($id: ID!) { deleteDocument(input: { id: $id }) { document { id } } }', {
      id: document.id,
    });
    expect(await seen(BLUE, document)).toEqual([]);
    expect((await write('again')).id).toBe(document.id);
    expect(await seen(BLUE, document)).toEqual([]);
  });

  test('links to shared bytes end within a minute', async () => {
    const document = await write('linked');
    const { share } = (await ask(RED, SHARE, { id: document.id, project: 'blue' })).shareDocument;
    const LINK = 'query ($id: ID!) { document(id: $id) { file { downloadUrl(expiresIn: 3600) } } }';
    const { downloadUrl } = (await ask(BLUE, LINK, { id: document.id })).document.file;
    const seconds = Number(new URL(downloadUrl).searchParams.get('expires')) - Date.now() / 1_000;
    expect(seconds).toBeLessThanOrEqual(61);
    expect((await http(server.url, pathOf(downloadUrl), 'GET', {})).text).toBe('A pelican called linked.');
    const { object } = await ask(BLUE, 'query ($key: String!) { object(key: $key) { downloadUrl(expiresIn: 3600) } }', {
      key: document.key,
    });
    expect((await http(server.url, pathOf(object.downloadUrl), 'GET', {})).text).toBe('A pelican called linked.');
    await ask(RED, REVOKE, { id: share.id });
  });

  test('an agent is shared with its versions, and without its memory', async () => {
    const CREATE =
      'mutation { createAgent(input: { name: "guide", instructions: "Lead." }) { agent { id currentVersion { id } } } }';
    const { agent } = (await ask(RED, CREATE)).createAgent;
    await ask(
      RED,
      'mutation ($id: ID!) { rememberFact(input: { key: "k", value: "secret", agentId: $id }) { fact { id } } }',
      { id: agent.id },
    );
    const AGENT = `query ($id: ID!) {
      agent(id: $id) { name currentVersion { instructions } versions { edges { node { number instructions } } } }
      memoryFacts(where: { agentId: { eq: $id } }) { totalCount }
    }`;
    expect((await ask(BLUE, AGENT, { id: agent.id })).agent).toBeNull();
    const SHARE_AGENT =
      'mutation ($id: ID!) { shareAgent(input: { id: $id, project: "blue" }) { share { id agent { name } document { id } } } }';
    const { share } = (await ask(RED, SHARE_AGENT, { id: agent.id })).shareAgent;
    expect(share).toMatchObject({ agent: { name: 'guide' }, document: null });
    expect(await ask(BLUE, AGENT, { id: agent.id })).toEqual({
      agent: {
        name: 'guide',
        currentVersion: { instructions: 'Lead.' },
        versions: { edges: [{ node: { number: 1, instructions: 'Lead.' } }] },
      },
      memoryFacts: { totalCount: 0 },
    });
    for (const says of [GREEN, ...Object.values(OUTSIDERS)])
      expect((await ask(says, AGENT, { id: agent.id })).agent).toBeNull();
    const UPDATE = 'mutation ($id: ID!) { updateAgent(input: { id: $id, name: "mine" }) { agent { id } } }';
    expect(await code(BLUE, UPDATE, { id: agent.id })).toBe('NOT_FOUND');
    const REMEMBER =
      'mutation ($id: ID!) { rememberFact(input: { key: "k", value: "v", agentId: $id }) { fact { id } } }';
    expect(await code(BLUE, REMEMBER, { id: agent.id })).toBe('NOT_FOUND');
    await ask(RED, REVOKE, { id: share.id });
    expect((await ask(BLUE, AGENT, { id: agent.id })).agent).toBeNull();
  });

  testHere('what cannot be shared is refused', async () => {
    const { id } = await write('refused');
    for (const given of [
      {},
      { project: 'blue', every: true },
      { project: 'red' },
      { project: '*' },
      { project: '' },
      { project: 'a.b' },
    ])
      expect(await code(RED, SHARE, { id, ...given }), JSON.stringify(given)).toBe('BAD_USER_INPUT');
    expect(await code(RED, SHARE, { id: 'agt_1', project: 'blue' })).toBe('BAD_USER_INPUT');
    expect(await code(GREEN, SHARE, { id, project: 'blue' })).toBe('NOT_FOUND');
    expect(await code({ ...RED, 'x-tenant': 'globex' }, SHARE, { id, project: 'blue' })).toBe('NOT_FOUND');
  });
});
