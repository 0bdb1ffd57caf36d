/** Work that once held up everybody: summaries under many aliases, and chunks that each ask for those like them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { WAYS_IN } from './ways-in.ts';

let it: TestServer;
let id: string;
beforeAll(async () => {
  it = await startTestServer();
  const text = Array.from(
    { length: 400 },
    (_, index) => `Sentence number ${index} tells of pools, of queues and of ${index % 17} turns that tenants take.`,
  ).join(' ');
  const { answer } = await WAYS_IN.POST!(it.url, {
    query: 'mutation ($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }',
    variables: { input: { title: 'Long', source: 'test', text, mediaType: 'text/plain' } },
  });
  id = (answer.data as { upsertDocument: { document: { id: string } } }).upsertDocument.document.id;
});
afterAll(async () => await it[Symbol.asyncDispose]());

test.each(Object.entries(WAYS_IN))('%s: summaries under ten aliases, and a good request beside', async (_, send) => {
  const aliases = Array.from({ length: 10 }, (__, index) => `a${index}: summary(maxSentences: 2) { text }`).join(' ');
  const [{ answer }, good] = await Promise.all([
    send(it.url, { query: `{ document(id: "${id}") { ${aliases} } }` }),
    WAYS_IN.POST!(it.url, { query: '{ tenant { id } }' }),
  ]);
  expect(good.answer.errors).toBeUndefined();
  expect(answer.errors).toBeUndefined();
  const texts = Object.values((answer.data as { document: Record<string, { text: string }> }).document);
  expect(new Set(texts.map(({ text }) => text)).size).toBe(1);
  expect(texts[0]!.text).toMatch(/^Sentence number \d+ .*\. Sentence number \d+ .*\.$/);
});

test.each(Object.entries(WAYS_IN))('%s: the chunks like each chunk, and a good request beside', async (_, send) => {
  const [{ answer }, good] = await Promise.all([
    send(it.url, {
      query: `{ document(id: "${id}") { chunks(first: 100) { edges { node { similar(first: 20) { edges { node { id } } } } } } } }`,
    }),
    WAYS_IN.POST!(it.url, { query: '{ tenant { id } }' }),
  ]);
  expect(good.answer.errors).toBeUndefined();
  expect(answer.errors).toBeUndefined();
});
