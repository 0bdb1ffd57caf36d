import { parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRelationalFixture, note, UPSERT, type RelationalFixture } from './relational-fixture.ts';

let fixture: RelationalFixture;
beforeAll(async () => {
  fixture = await createRelationalFixture();
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);

describe('documents that are refused leave nothing behind', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['NUL in the text', { text: 'a\0b' }, /`text`.*NUL/],
    ['NUL in the title', { title: 'a\0b' }, /`title`.*NUL/],
    ['half a surrogate pair', { text: 'a\ud83d' }, /`text` must be well-formed/],
    ['half a pair in the metadata', { metadata: { a: '\ud83d' } }, /well-formed/],
    ['NUL in a key of the metadata', { metadata: { 'a\0': 1 } }, /NUL/],
    ['metadata that is no object', { metadata: [1] }, /`metadata` must be a JSON object/],
    ['deep metadata', { metadata: { a: deep(20) } }, /12 levels/],
    ['large metadata', { metadata: { a: 'x'.repeat(70_000) } }, /65536/],
    [
      'many keys',
      { metadata: Object.fromEntries(Array.from({ length: 1_001 }, (_, index) => [`k${index}`, 1])) },
      /1000 keys/,
    ],
    ['a text over 2 MiB', { text: 'é'.repeat(2 ** 20 + 1) }, /at most 2097152/],
    ['an empty title', { title: ' ' }, /`title` must not be empty/],
    ['an empty source', { source: '' }, /`source` must not be empty/],
    ['a long source', { source: 'x'.repeat(513) }, /`source` is 513/],
    ['no media type', { mediaType: 'markdown' }, /media type/],
    [
      'many entities',
      { entities: Array.from({ length: 501 }, (_, index) => ({ name: `n${index}`, kind: 'k' })) },
      /at most 500/,
    ],
    [
      'many relations',
      {
        relations: Array.from({ length: 2_001 }, () => ({
          from: { name: 'a', kind: 'k' },
          to: { name: 'b', kind: 'k' },
          type: 'X',
        })),
      },
      /at most 2000/,
    ],
    ['a nameless entity', { entities: [{ name: '', kind: 'k' }] }, /entities\[0\]\.name/],
    [
      'a relation type that is none',
      { relations: [{ from: { name: 'a', kind: 'k' }, to: { name: 'b', kind: 'k' }, type: 'a b' }] },
      /relations\[0\]\.type/,
    ],
    ['properties that are no object', { entities: [{ name: 'a', kind: 'k', properties: 'x' }] }, /properties` must be/],
    [
      'large properties altogether',
      {
        entities: Array.from({ length: 20 }, (_, index) => ({
          name: `n${index}`,
          kind: 'k',
          properties: { a: 'x'.repeat(60_000) },
        })),
      },
      /at most 1048576/,
    ],
  ])('%s', async (_, change, message) => {
    const { codes, errors } = await fixture.ask('refused', UPSERT, note('s', 'text', change));
    expect(errors?.[0]?.message).toMatch(message);
    // What a scalar refuses is refused while variables are read; the gateway gives it its code.
    if (!errors?.[0]?.message.startsWith('Variable')) expect(codes).toEqual(['BAD_USER_INPUT']);
    const { documents, auditEntries } = await fixture.get(
      'refused',
      `{ documents { totalCount } auditEntries { totalCount } }`,
    );
    expect({ documents, auditEntries }).toEqual({ documents: { totalCount: 0 }, auditEntries: { totalCount: 0 } });
  });

  test('a batch that names a source twice, or has too many', async () => {
    const many = `mutation ($input: UpsertDocumentsInput!) { upsertDocuments(input: $input) { documents { id } } }`;
    const { input } = note('s', 'text');
    expect((await fixture.ask('refused', many, { input: { documents: [input, input] } })).codes).toEqual([
      'BAD_USER_INPUT',
    ]);
    const documents = Array.from({ length: 51 }, (_, index) => note(`s${index}`, 'text').input);
    expect((await fixture.ask('refused', many, { input: { documents } })).codes).toEqual(['BAD_USER_INPUT']);
  });
});

test('numbers are kept as they were written, and found by it', async () => {
  const metadata = parseExactJson(
    '{"ratio":0.1,"most":9007199254740991,"price":1.10,"beyond":9007199254740993,"text":"9007199254740993"}',
  );
  const { upsertDocument } = await fixture.get('exact', UPSERT, note('exact', 'text', { metadata }));
  const { document } = await fixture.get('exact', `query ($id: ID!) { document(id: $id) { metadata } }`, {
    id: upsertDocument.document.id,
  });
  for (const number of ['"ratio":0.1', '"most":9007199254740991', '"price":1.10', '"beyond":9007199254740993'])
    expect(writeJson(document.metadata)).toContain(number);
  for (const [condition, count] of [
    ['eq: 9007199254740993', 1],
    ['eq: 9007199254740992', 0],
    ['in: [1, 9007199254740993]', 1],
  ] as const) {
    const { documents } = await fixture.get(
      'exact',
      `{ documents(where: { metadata: [{ path: ["beyond"], ${condition} }] }) { totalCount } }`,
    );
    expect(documents.totalCount).toBe(count);
  }
});

test.each(['2026-02-30T00:00:00Z', '2025-02-29T10:00:00+02:00', '2026-04-31T00:00Z', '2026-00-10T00:00:00Z'])(
  'the moment %s does not exist',
  async (moment) => {
    const { errors } = await fixture.ask(
      'moments',
      `query ($moment: DateTime) { documents(where: { createdAt: { gt: $moment } }) { totalCount } }`,
      { moment },
    );
    expect(errors?.[0]?.message).toContain(`DateTime does not exist: ${moment}`);
  },
);

test("the last day of a leap year's February does", async () => {
  const { documents } = await fixture.get(
    'moments',
    `{ documents(where: { createdAt: { lt: "2024-02-29T23:59:59.999Z" } }) { totalCount } }`,
  );
  expect(documents.totalCount).toBe(0);
});

test('the largest document, odd keys and odd texts are kept as they are', async () => {
  const text = `${'word '.repeat(2 ** 18)}😀`;
  const metadata = JSON.parse(
    '{"__proto__":{"x":1},"constructor":"y","toString":null,"1e3":1e3,"":[-0.5,1e21]}',
  ) as object;
  const { upsertDocument } = await fixture.get(
    'odd',
    UPSERT,
    note('../../etc/pass wd\n.md', text, { metadata, title: `';DROP TABLE documents;--` }),
  );
  expect(upsertDocument.document.text).toBe(text);
  expect(upsertDocument.document.file.key).toBe(`documents/${upsertDocument.document.id}/pass-wd-.md`);
  const { document } = await fixture.get(
    'odd',
    `query ($id: ID!) { __proto__: document(id: $id) { constructor: metadata } document(id: $id) { title metadata } }`,
    {
      id: upsertDocument.document.id,
    },
  );
  expect(document.title).toBe(`';DROP TABLE documents;--`);
  expect(JSON.stringify(document.metadata)).toContain('"__proto__":{"x":1}');
  expect(document.metadata).toEqual(metadata);
});

test('an empty text is a document without chunks', async () => {
  const { upsertDocument } = await fixture.get('odd', UPSERT, note('empty', ''));
  expect(upsertDocument.document).toMatchObject({ text: '', chunks: { edges: [] } });
});

describe('reads', () => {
  test.each([
    ['a negative first', `{ documents(first: -1) { totalCount } }`],
    ['a huge first', `{ documents(first: 201) { totalCount } }`],
    ['a malformed cursor', `{ documents(after: "%%%") { totalCount } }`],
    ['a cursor that is no list', `{ documents(after: "${Buffer.from('{}').toString('base64url')}") { totalCount } }`],
    [
      'a cursor of another list',
      `{ documents(after: "${Buffer.from('["agents:createdAt DESC,id DESC","2020-01-01T00:00:00.000Z","x"]').toString('base64url')}") { totalCount } }`,
    ],
    [
      'a cursor with a value of another type',
      `{ documents(after: "${Buffer.from('["documents:createdAt DESC,id DESC",5,"x"]').toString('base64url')}") { totalCount } }`,
    ],
    [
      'a cursor with a moment that is none',
      `{ documents(after: "${Buffer.from('["documents:createdAt DESC,id DESC","soon","x"]').toString('base64url')}") { totalCount } }`,
    ],
    [
      'an order that names a field twice',
      `{ documents(orderBy: [{ field: TITLE }, { field: TITLE, direction: DESC }]) { totalCount } }`,
    ],
  ])('%s', async (_, query) => {
    const { data, codes } = await fixture.ask('reads', query);
    expect(codes).toEqual(['BAD_USER_INPUT']);
    expect(data).toEqual({ documents: null });
  });

  test('a page of none is a page, with its count', async () => {
    await fixture.get('reads', UPSERT, note('s', 'text'));
    const counted = await fixture.ask('reads', `{ documents(first: 0) { totalCount edges { node { id } } } }`);
    expect(counted.data.documents).toEqual({ totalCount: 1, edges: [] });
    expect(counted.context.statements.counts()).toEqual({ postgres: 1 });
    const { data } = await fixture.ask(
      'reads',
      `{ documents(first: 0) { edges { node { id } } pageInfo { hasNextPage endCursor } } }`,
    );
    // Relay: whether there are more than `first`.
    expect(data.documents).toEqual({ edges: [], pageInfo: { hasNextPage: true, endCursor: null } });
  });

  test.each(['agt_1', 'doc_', 'doc_\0', "doc_' OR 1=1", '', 'x'.repeat(1_000_000), 'chk_aaaaaaaaaaaaaaaaaaaaaaaaaaa'])(
    "an id that is no document's is refused: null would say that there is no such document (%#)",
    async (id) => {
      const { data, codes } = await fixture.ask('reads', `query ($id: ID!) { document(id: $id) { id } }`, { id });
      expect([data, codes]).toEqual([{ document: null }, ['BAD_USER_INPUT']]);
    },
  );

  test.each([
    ['doc_\0', 'BAD_USER_INPUT'],
    ['agt_1', 'BAD_USER_INPUT'],
    ['nope', 'BAD_USER_INPUT'],
    ['', 'BAD_USER_INPUT'],
    ['doc_1', 'NOT_FOUND'],
  ])('nor can it be removed, and one of nothing is not found (%#)', async (id, code) => {
    const { codes } = await fixture.ask(
      'reads',
      `mutation ($id: ID!) { deleteDocument(input: { id: $id }) { document { id } } }`,
      { id },
    );
    expect(codes).toEqual([code]);
  });
});

describe('other mutations', () => {
  test.each([
    [
      'a negative count of tokens',
      `mutation { recordUsage(input: { operation: EMBED, provider: "p", model: "m", inputTokens: -1, outputTokens: 0 }) { record { id } } }`,
      'BAD_USER_INPUT',
    ],
    [
      'an artifact of no run',
      `mutation { createArtifact(input: { runId: "doc_1", path: "p", contentType: "a/b" }) { artifact { id } } }`,
      'BAD_USER_INPUT',
    ],
    [
      'a key that climbs',
      `mutation { createArtifact(input: { runId: "run_1", path: "p", contentType: "a/b", fileKey: "a/../b" }) { artifact { id } } }`,
      'BAD_USER_INPUT',
    ],
    [
      'an absolute key',
      `mutation { createArtifact(input: { runId: "run_1", path: "p", contentType: "a/b", fileKey: "/etc/passwd" }) { artifact { id } } }`,
      'BAD_USER_INPUT',
    ],
    ['an agent without a name', `mutation { createAgent(input: { name: "" }) { agent { id } } }`, 'BAD_USER_INPUT'],
    [
      'an agent whose name is taken away',
      `mutation { updateAgent(input: { id: "agt_1", name: null }) { agent { id } } }`,
      'BAD_USER_INPUT',
    ],
    ['an unknown agent', `mutation { updateAgent(input: { id: "agt_1", name: "x" }) { agent { id } } }`, 'NOT_FOUND'],
    [
      'a memory of an unknown agent',
      `mutation { rememberFact(input: { key: "k", value: "v", agentId: "agt_1" }) { fact { id } } }`,
      'NOT_FOUND',
    ],
    [
      'a memory of no agent',
      `mutation { rememberFact(input: { key: "k", value: "v", agentId: "run_1" }) { fact { id } } }`,
      'BAD_USER_INPUT',
    ],
    [
      'a key with NUL',
      `mutation { rememberFact(input: { key: "a\\u0000", value: "v" }) { fact { id } } }`,
      'BAD_USER_INPUT',
    ],
  ])('%s', async (_, mutation, code) => {
    expect((await fixture.ask('mutations', mutation)).codes).toEqual([code]);
    expect((await fixture.get('mutations', `{ auditEntries { totalCount } }`)).auditEntries.totalCount).toBe(0);
  });
});
