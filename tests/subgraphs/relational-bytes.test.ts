/** Documents whose text is in a file that is sent along. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RELATIONAL } from '#subgraphs/relational/bounds.ts';
import { createRelationalFixture, type RelationalFixture } from './relational-fixture.ts';

let fixture: RelationalFixture;
beforeAll(async () => {
  fixture = await createRelationalFixture();
});
afterAll(async () => {
  await fixture?.[Symbol.asyncDispose]();
});

const WRITE = /* GraphQL */ `
  mutation ($input: UpsertDocumentInput!) {
    upsertDocument(input: $input) {
      document {
        id
        title
        text
        mediaType
        metadata
        updatedAt
        chunks {
          edges {
            node {
              text
            }
          }
        }
      }
    }
  }
`;
const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes as string).toString('base64');
const file = (name: string): string => base64(readFileSync(new URL(`../fixtures/documents/${name}`, import.meta.url)));
const given = (bytes: string, source: string, mediaType = 'application/octet-stream') => ({
  input: { title: 'A file', source, mediaType, content: bytes },
});

test('the text of a file is the document, under the headings that it has, and what it says of itself is its metadata', async () => {
  const { document } = (await fixture.get('a', WRITE, given(file('bees.docx'), 'uploads/bees.docx'))).upsertDocument;
  expect(document).toMatchObject({
    title: 'A file',
    mediaType: 'text/markdown',
    metadata: { format: 'docx', properties: { author: 'Ümit Kaya' } },
  });
  expect(document.text).toContain('# The hive\n\nA colony needs a dry box');
  expect(document.chunks.edges[0].node.text).toContain('# The hive');
  // The same bytes are the same document.
  const again = (await fixture.get('a', WRITE, given(file('bees.docx'), 'uploads/bees.docx'))).upsertDocument;
  expect(again.document.updatedAt).toBe(document.updatedAt);
  // Another tenant has none of it.
  const { documents } = await fixture.get('b', '{ documents(first: 10) { edges { node { id } } } }');
  expect(documents.edges).toEqual([]);
});

test('what is said of a file is believed before its name, and its own bytes before that', async () => {
  const of = async (bytes: string, source: string, mediaType: string) =>
    (await fixture.get('a', WRITE, given(bytes, source, mediaType))).upsertDocument.document;
  expect(await of(base64('a;b\n1;2\n'), 'export', 'text/csv')).toMatchObject({
    text: '| a | b |\n| --- | --- |\n| 1 | 2 |',
    metadata: { format: 'csv' },
  });
  expect(await of(file('bicycles.pdf'), 'export.txt', 'text/html')).toMatchObject({ metadata: { format: 'pdf' } });
  expect(await of(base64(Buffer.from('\xe9t\xe9 fran\xe7ais', 'latin1')), 'été.txt', 'text/plain')).toMatchObject({
    text: 'été français',
    mediaType: 'text/plain',
    metadata: { encoding: 'windows-1252' },
  });
});

test('several at once are all written, or none', async () => {
  const many = 'mutation ($input: UpsertDocumentsInput!) { upsertDocuments(input: $input) { documents { title } } }';
  const both = (second: string) => ({
    input: {
      documents: [
        given(base64('<h1>One</h1>'), 'many/1.html').input,
        { title: 'Two', source: 'many/2.pdf', mediaType: 'application/pdf', content: second },
      ],
    },
  });
  const broken = await fixture.ask('a', many, both(base64('%PDF-1.7 and no more')));
  expect(broken.codes).toEqual(['BAD_USER_INPUT']);
  const none = await fixture.get('a', '{ documents(where: { source: { startsWith: "many/" } }) { totalCount } }');
  expect(none.documents.totalCount).toBe(0);
  await fixture.get('a', many, both(file('bicycles.pdf')));
});

test.each([
  [
    'neither a text nor content',
    { content: null },
    'BAD_USER_INPUT',
    'A document has a `text` or the `content` of a file',
  ],
  ['both', { content: base64('x'), text: 'x' }, 'BAD_USER_INPUT', 'A document has a `text` or the `content` of a file'],
  ['no base64', { content: 'no base64!' }, 'BAD_USER_INPUT', '`content` is not base64'],
  ['no format that is read', { content: base64('MZ') }, 'BAD_USER_INPUT', 'nothing reads files of its kind'],
  ['a locked PDF', { content: file('locked.pdf') }, 'BAD_USER_INPUT', 'it is protected by a password'],
  ['no text at all', { content: base64('<p></p>'), mediaType: 'text/html' }, 'BAD_USER_INPUT', 'it holds no text'],
  [
    'metadata that is none',
    { content: base64('x'), mediaType: 'text/plain', metadata: [1] },
    'BAD_USER_INPUT',
    '`metadata`',
  ],
  [
    'too many bytes',
    { content: 'A'.repeat(Math.ceil(RELATIONAL.fileBytes / 3) * 4 + 4) },
    'PAYLOAD_TOO_LARGE',
    `\`content\` has more than ${RELATIONAL.fileBytes} bytes`,
  ],
])('%s is refused, and says so', async (_, input, code, message) => {
  const { errors } = await fixture.ask('a', WRITE, {
    input: { title: 'A', source: 'refused', mediaType: 'application/octet-stream', ...input },
  });
  expect(errors?.[0]?.extensions?.['code']).toBe(code);
  expect(errors?.[0]?.message).toContain(message);
});
