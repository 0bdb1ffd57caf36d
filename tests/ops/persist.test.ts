/** `npm run persist`: lists of persisted operations from .graphql files, as the server and clients read them. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readManifest } from '#gateway/admission/persisted/manifest.ts';
import { startTestServer } from '#tests/gateway/fixture.ts';
import { startProgram } from './program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-persist-'));
  await writeFile(
    join(folder, 'api.graphql'),
    'type Query { book(id: ID!): Book reviewCount: Int } type Book { title: String stars: Int similar: [Book!] }',
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function persist(...args: string[]): Promise<{ status: number | null; output: string }> {
  using program = startProgram(
    process.execPath,
    ['--import', 'tsx', join(ROOT, 'ops/persist.ts'), '--schema', join(folder, 'api.graphql'), ...args],
    { cwd: ROOT },
  );
  const status = await program.exited();
  return { status, output: program.output };
}

async function sources(files: Readonly<Record<string, string>>): Promise<string> {
  const at = await mkdtemp(join(folder, 'sources-'));
  await mkdir(join(at, 'deep'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(at, name), text);
  return at;
}

const TWO = {
  'book.graphql': 'query Book($id: ID!) { book(id: $id) { ...Title similar { stars } } }',
  'deep/title.gql': '# what a card shows\nfragment Title on Book { title ...Stars }',
  'stars.graphql': 'fragment Stars on Book { stars }\nfragment Unused on Book { title }',
  'count.graphql': 'query Count { reviewCount }',
  'empty.graphql': '\n',
  'readme.md': 'no operation',
};

describe('what is written', () => {
  test("the server runs, by its ids, in Apollo's format", async () => {
    const output = join(folder, 'apollo.json');
    const from = await sources(TWO);
    expect(await persist(from, '--output', output, '--client', 'web')).toMatchObject({ status: 0 });
    const { operations, ...rest } = JSON.parse(await readFile(output, 'utf8')) as {
      operations: { id: string; name: string; body: string }[];
    };
    expect(rest).toEqual({ format: 'apollo-persisted-query-manifest', version: 1 });
    expect(operations).toMatchObject([
      { name: 'Book', type: 'query', clientName: 'web' },
      { name: 'Count', type: 'query', clientName: 'web', body: 'query Count {\n  reviewCount\n}' },
    ]);
    const [book] = operations;
    expect(book!.body).toBe(
      'fragment Stars on Book {\n  stars\n  __typename\n}\n\n' +
        'fragment Title on Book {\n  title\n  ...Stars\n  __typename\n}\n\n' +
        'query Book($id: ID!) {\n  book(id: $id) {\n    ...Title\n    similar {\n      stars\n      __typename\n    }\n    __typename\n  }\n}',
    );
    expect(book!.id).toBe(createHash('sha256').update(book!.body).digest('hex'));
    await using it = await startTestServer({
      PERSISTED_OPERATIONS: output,
      PERSISTED_OPERATIONS_MODE: 'only-ids',
      PERSISTED_OPERATIONS_CLIENT: 'header',
    });
    const asked = await it.post(
      { documentId: book!.id, variables: { id: '1' } },
      { 'apollographql-client-name': 'web' },
    );
    expect(asked.json.data).toMatchObject({ book: { title: 'The Left Hand of Darkness', stars: 5 } });

    expect(await persist(from, '--output', output, '--client', 'web', '--check')).toMatchObject({ status: 0 });
    await writeFile(join(from, 'count.graphql'), 'query Count { again: reviewCount }');
    const before = await readFile(output, 'utf8');
    expect(await persist(from, '--output', output, '--client', 'web', '--check')).toMatchObject({ status: 1 });
    expect(await readFile(output, 'utf8')).toBe(before);

    // Clients that are out in the world go on asking by what they were built with.
    expect(await persist(from, '--output', output, '--client', 'web', '--keep')).toMatchObject({ status: 0 });
    const kept = readManifest(await readFile(output, 'utf8')).map(({ body }) => body);
    expect(kept.filter((body) => body.includes('Count'))).toEqual([
      'query Count {\n  reviewCount\n}',
      'query Count {\n  again: reviewCount\n}',
    ]);
    expect(JSON.parse(await readFile(output, 'utf8'))).toMatchObject({
      operations: [{ name: 'Count', type: 'query' }, {}, {}],
    });
  });

  test("Relay's format is texts by id", async () => {
    const output = join(folder, 'relay.json');
    expect(await persist(await sources(TWO), '--output', output, '--format', 'relay')).toMatchObject({ status: 0 });
    const listed = readManifest(await readFile(output, 'utf8'));
    expect(listed.map(({ body }) => body)).toContain('query Count {\n  reviewCount\n}');
    for (const { id, body } of listed) expect(id).toBe(createHash('sha256').update(body).digest('hex'));
  });
});

describe('what is wrong is told with its place, and nothing is written', () => {
  test.each([
    [
      'a field that is not there',
      { 'a.graphql': '\nquery A {\n  nothing\n}' },
      /a\.graphql:3: Cannot query field "nothing"/,
    ],
    ['a syntax error', { 'a.graphql': 'query A {\n  reviewCount' }, /a\.graphql:2: Syntax Error/],
    ['no name', { 'a.graphql': '{ reviewCount }' }, /a\.graphql:1: the operation has no name/],
    ['a type', { 'a.graphql': 'type A { b: Int }' }, /a\.graphql:1: this is neither an operation nor a fragment/],
    [
      'two of one name',
      { 'a.graphql': 'query A { reviewCount }', 'b.graphql': 'query A { x: reviewCount }' },
      /b\.graphql:1: another operation A is at .*a\.graphql:1/,
    ],
    ['a fragment that is nowhere', { 'a.graphql': 'query A { book(id: 1) { ...F } }' }, /Unknown fragment "F"/],
    ['nothing at all', { 'a.md': 'x' }, /There is no operation in/],
  ])('%s', async (name, files, message) => {
    const output = join(folder, `${name.replaceAll(' ', '-')}.json`);
    const { status, output: told } = await persist(await sources(files as never), '--output', output);
    expect(status).toBe(1);
    expect(told).toMatch(message);
    await expect(readFile(output)).rejects.toThrow('ENOENT');
  });

  test('wrong usage is 2, what cannot be read 1', async () => {
    expect(await persist()).toMatchObject({ status: 2 });
    expect(await persist('x', '--nothing')).toMatchObject({ status: 2 });
    expect(await persist(join(folder, 'nowhere'))).toMatchObject({ status: 1 });
  });
});
