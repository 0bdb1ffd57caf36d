/** Folders that are ingested again: what is theirs, what has changed in them, and what has gone. */
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { documentId, entityId } from '#subgraphs/shared/ids.ts';
import { cleanEnvironment, startProgram, type Program } from '#tests/ops/program.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { post } from '../contract/clients.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

let server: TestServer;
/** Holds the folders of a test, whose names are of no other test. */
let parent: string;
let name: string;
let folder: string;
let tests = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'tributary-folders-'));
  name = `notes${++tests}`;
  folder = join(parent, name);
  await mkdir(folder);
});
afterEach(async () => {
  await rm(parent, { recursive: true, force: true });
});

const start = (...args: string[]): Program =>
  startProgram(process.execPath, ['--import', 'tsx', 'ops/ingest.ts', '--url', `${server.url}/graphql`, ...args], {
    cwd: ROOT,
    env: cleanEnvironment({}),
  });

async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  using program = start(...args);
  return { code: await program.exited(), output: program.output };
}

async function sources(of = name): Promise<string[]> {
  const { data } = await post(
    server.url,
    'query($where: DocumentFilter) { documents(where: $where, first: 200, orderBy: [{ field: SOURCE, direction: ASC }]) { edges { node { source } } } }',
    { where: { source: { startsWith: `${of}/` } } },
  );
  return (data!['documents'].edges as { node: { source: string } }[]).map(({ node }) => node.source);
}

const textOf = async (source: string): Promise<string | undefined> => {
  const { data } = await post(server.url, 'query($id: ID!) { document(id: $id) { text } }', {
    id: documentId('default', source),
  });
  return (data!['document'] as { text: string } | null)?.text;
};

test('two folders of one name are told apart, and one that has moved is taken for what it is', async () => {
  const other = join(parent, 'other', name);
  await mkdir(other, { recursive: true });
  await writeFile(join(folder, 'a.md'), 'of the first');
  await writeFile(join(other, 'a.md'), 'of the second');
  expect((await run(folder)).code).toBe(0);

  const refused = await run(other, '--prune');
  expect(refused.code).toBe(2);
  expect(refused.output).toContain(`The name "${name}" is that of ${folder}, of which 1 document is stored`);
  expect(refused.output).toContain('--name');
  expect(await textOf(`${name}/a.md`)).toBe('of the first');
  // Nor by saying the name.
  expect((await run(other, '--name', name)).code).toBe(2);

  expect((await run(other, '--name', `${name} too`)).output).toContain('1 new');
  expect(await sources(`${name} too`)).toEqual([`${name} too/a.md`]);
  expect(await textOf(`${name}/a.md`)).toBe('of the first');

  const moved = join(parent, 'moved');
  await rename(folder, moved);
  await rm(join(moved, 'a.md'));
  await writeFile(join(moved, 'b.md'), 'b');
  expect(await run(moved, '--name', name, '--adopt', '--prune')).toMatchObject({
    code: 0,
    output: expect.stringContaining('1 document: 1 new, 0 changed, 0 unchanged, 1 removed.') as string,
  });
  expect(await sources()).toEqual([`${name}/b.md`]);
  expect(await sources(`${name} too`)).toEqual([`${name} too/a.md`]);
}, 120_000);

test('what has changed is counted, what has gone is listed, and removed when that is asked for', async () => {
  for (const file of ['same', 'changes', 'goes', 'old name', 'empties'])
    await writeFile(join(folder, `${file}.md`), `# ${file}`);
  expect((await run(folder)).output).toContain('5 documents: 5 new, 0 changed, 0 unchanged, 0 removed.');

  await writeFile(join(folder, 'changes.md'), '# changed');
  await rm(join(folder, 'goes.md'));
  await rename(join(folder, 'old name.md'), join(folder, 'Old Name.md'));
  await writeFile(join(folder, 'empties.md'), '\n');
  const listed = await run(folder);
  expect(listed.output).toContain('3 documents: 1 new, 1 changed, 1 unchanged, 0 removed.');
  expect(listed.output).toContain(
    `Gone from the folder and still stored (--prune removes them): ${name}/empties.md, ${name}/goes.md, ${name}/old name.md`,
  );
  expect(listed.output).toContain('Passed over: empty: empties.md');
  expect(listed.code).toBe(0);
  expect(await sources()).toHaveLength(6);

  expect(await run(folder, '--prune')).toMatchObject({
    code: 0,
    output: expect.stringContaining('3 documents: 0 new, 0 changed, 3 unchanged, 3 removed.') as string,
  });
  expect(await sources()).toEqual(['Old Name', 'changes', 'same'].map((file) => `${name}/${file}.md`));
  // The other stores follow.
  await vi.waitFor(
    async () => {
      const { data } = await post(
        server.url,
        'query($id: ID!, $words: String!) { entity(id: $id) { id } search(query: $words, mode: KEYWORD) { edges { node { id } } } }',
        {
          id: entityId('default', 'file', `${name}/goes.md`),
          words: 'goes',
        },
      );
      expect(data).toEqual({ entity: null, search: { edges: [] } });
    },
    { timeout: 20_000 },
  );
}, 120_000);

test('nothing is removed of a folder that cannot be read in whole, or that holds nothing', async () => {
  await writeFile(join(folder, 'a.md'), 'a');
  await writeFile(join(folder, 'b.md'), 'b');
  expect((await run(folder)).code).toBe(0);
  await rm(join(folder, 'a.md'));
  // Longer paths than the system takes, by steps that it takes: nobody can read what is at their end, root neither.
  execFileSync('bash', ['-c', 'for i in {1..20}; do mkdir "$1" && cd "$1" || exit 1; done', '-', 'x'.repeat(250)], {
    cwd: folder,
  });
  const unread = await run(folder, '--prune');
  expect(unread.output).toContain('Nothing is removed, because not all of the folder could be read.');
  expect(unread.output).toContain(`Gone from the folder and still stored: ${name}/a.md`);
  expect(unread.code).toBe(1);
  expect(await sources()).toEqual([`${name}/a.md`, `${name}/b.md`]);

  execFileSync('rm', ['-rf', folder]);
  await mkdir(folder);
  const empty = await run(folder, '--prune');
  expect(empty.output).toContain('the folder holds no text at all');
  expect(await sources()).toHaveLength(2);
}, 120_000);

test('a file that cannot be read keeps its document, and others that are gone are removed all the same', async () => {
  const pdf = new URL('../../fixtures/documents/bicycles.pdf', import.meta.url);
  await copyFile(pdf, join(folder, 'paper.pdf'));
  for (const file of ['stays', 'goes']) await writeFile(join(folder, `${file}.md`), file);
  expect((await run(folder)).code).toBe(0);
  await rm(join(folder, 'goes.md'));
  await writeFile(join(folder, 'paper.pdf'), 'no PDF any more');
  const pruned = await run(folder, '--prune');
  expect(pruned.output).toContain('Could not ingest paper.pdf');
  expect(pruned.output).toContain('1 removed, 1 file could not be ingested');
  expect(pruned.code).toBe(1);
  expect(await sources()).toEqual([`${name}/paper.pdf`, `${name}/stays.md`]);
}, 120_000);

test('documents that others wrote under its name are neither overwritten nor removed', async () => {
  const write = async (source: string, metadata?: object) => {
    const input = { title: 'T', source, mediaType: 'text/plain', text: 'by an agent', metadata };
    expect(
      (
        await post(
          server.url,
          'mutation($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { id } } }',
          { input },
        )
      ).errors,
    ).toBeUndefined();
  };
  await write(`${name}/agent.md`);
  await write(`${name}/other.md`);
  // As versions wrote it that did not keep which folder it was.
  await write(`${name}/before.md`, { folder: name, path: 'before.md' });
  await write(`${name}/before and gone.md`, { folder: name, path: 'before and gone.md' });
  await writeFile(join(folder, 'agent.md'), 'by a person');
  await writeFile(join(folder, 'before.md'), 'by a person');

  const { code, output } = await run(folder, '--prune');
  expect(output).toContain(`Could not ingest agent.md: a document of the source "${name}/agent.md" is there`);
  expect(output).toMatch(new RegExp(`ingested before it was kept from which .*: ${name}/before and gone.md$`, 'm'));
  expect(code).toBe(1);
  expect(await sources()).toEqual(['agent', 'before and gone', 'before', 'other'].map((file) => `${name}/${file}.md`));
  expect(await textOf(`${name}/agent.md`)).toBe('by an agent');
  expect(await textOf(`${name}/before.md`)).toBe('by a person');
  expect((await run(folder, '--prune', '--adopt')).output).toContain('1 removed');
  expect(await sources()).toEqual(['agent', 'before', 'other'].map((file) => `${name}/${file}.md`));
}, 120_000);

test('documents keep to their collection, move by another, and searches and lists are narrowed to one', async () => {
  await writeFile(join(folder, 'a.md'), `# Quokka\n\nThe quokka of ${name}.`);
  await writeFile(join(folder, 'b.md'), '# Other\n\nA wombat.');
  expect((await run(folder, '--collection', `first ${name}`)).code).toBe(0);
  const found = async (collection: string, mode: string) => {
    const { data, errors } = await post(
      server.url,
      `query($collection: String!, $mode: SearchMode!) {
        documents(where: { collection: { eq: $collection } }, orderBy: [{ field: SOURCE, direction: ASC }]) { totalCount edges { node { collection } } }
        search(query: "quokka", mode: $mode, where: { collection: { eq: $collection } }, first: 1) { edges { node { document { source collection } } } }
      }`,
      { collection, mode },
    );
    expect(errors).toBeUndefined();
    return data as { documents: { totalCount: number }; search: { edges: { node: { document: unknown } }[] } };
  };
  const isIn = (collection: string) =>
    vi.waitFor(
      async () => {
        for (const mode of ['KEYWORD', 'VECTOR', 'HYBRID']) {
          const { documents, search } = await found(collection, mode);
          expect(documents.totalCount).toBe(2);
          expect(search.edges).toEqual([{ node: { document: { source: `${name}/a.md`, collection } } }]);
        }
      },
      { timeout: 20_000 },
    );
  await isIn(`first ${name}`);

  // Without the option it stays where it is; with another it moves.
  expect((await run(folder)).output).toContain('0 new, 0 changed, 2 unchanged');
  expect((await run(folder, '--collection', `second ${name}`)).output).toContain('0 new, 2 changed, 0 unchanged');
  await isIn(`second ${name}`);
  expect(await found(`first ${name}`, 'HYBRID')).toEqual({
    documents: { totalCount: 0, edges: [] },
    search: { edges: [] },
  });
}, 120_000);

test('front matter that cannot be read, and links to pages that are not there, are said', async () => {
  await writeFile(join(folder, 'bad.md'), '---\ntitle: "open\n---\nText');
  await writeFile(
    join(folder, 'links.md'),
    '[gone](nowhere.md) [there](bad.md#part) [beside](../other.md) [code](main.ts) [[No page]] [[bad]] ![p](gone.png) <https://a.example/b.md>',
  );
  const { code, output } = await run(folder);
  expect(output).toMatch(/^Front matter not read: .+: bad\.md$/m);
  expect(output).toContain('Links to pages that are not in the folder: links.md → nowhere.md, links.md → No page\n');
  expect(code).toBe(0);
  // Once for each time that it is sent.
  expect((await run(folder)).output).toContain('0 new, 0 changed, 2 unchanged');
}, 120_000);

test('an address without a path is that of the server; another path, and none, say what is wrong', async () => {
  await writeFile(join(folder, 'a.md'), 'a');
  expect(await run(folder, '--url', server.url)).toMatchObject({ code: 0 });
  const elsewhere = await run(folder, '--url', `${server.url}/api`);
  expect(elsewhere.code).toBe(2);
  expect(elsewhere.output).toContain('which ends in /graphql');
  expect((await run(folder, '--url', 'localhost:4000')).output).toContain('--url must be an address such as http://');
}, 120_000);

test('what is converted and what is passed over is said', async () => {
  await writeFile(join(folder, 'windows.md'), Buffer.from('\ufeff# Straße\r\n', 'utf16le'));
  await writeFile(join(folder, 'latin.txt'), Buffer.from('na\xefve', 'latin1'));
  for (let i = 0; i < 25; i++) await writeFile(join(folder, `${i}.PNG`), '');
  await writeFile(join(folder, 'line\nbreak\x1b[31m.png'), '');
  const { code, output } = await run(folder);
  expect(output).toContain('Converted from UTF-16 (little endian): windows.md');
  expect(output).toContain('Converted from Windows-1252 (Latin-1): latin.txt');
  expect(output).toMatch(/^Passed over: a name that ends in \.png, 26 times: .* and 6 more$/m);
  // eslint-disable-next-line no-control-regex -- what a terminal would obey
  expect(output).not.toMatch(/\x1b/);
  expect(code).toBe(0);
  expect(await textOf(`${name}/windows.md`)).toBe('# Straße\r\n');
}, 120_000);

test('--watch follows what is written, saved in one move, renamed and removed, and a folder that goes and comes back', async () => {
  await writeFile(join(folder, 'a.md'), 'first');
  using program = start(folder, '--watch', '--prune');
  const comes = (what: string | RegExp) => vi.waitFor(() => expect(program.output).toMatch(what), { timeout: 30_000 });
  await comes(`Watching ${folder}`);
  expect(await sources()).toEqual([`${name}/a.md`]);

  // As editors save: another file in the place of the first.
  await writeFile(join(folder, 'a.md~'), 'second');
  await rename(join(folder, 'a.md~'), join(folder, 'a.md'));
  await comes(/1 document: 0 new, 1 changed, 0 unchanged, 0 removed/);
  expect(await textOf(`${name}/a.md`)).toBe('second');

  await mkdir(join(folder, 'new', 'deep'), { recursive: true });
  await writeFile(join(folder, 'new', 'deep', 'b.md'), 'b');
  await comes(/2 documents: 1 new, 0 changed, 1 unchanged, 0 removed/);
  await rename(join(folder, 'new', 'deep'), join(folder, 'new', 'Deep'));
  await comes(/2 documents: 1 new, 0 changed, 1 unchanged, 1 removed/);
  expect(await sources()).toEqual([`${name}/a.md`, `${name}/new/Deep/b.md`]);

  await rename(folder, join(parent, 'away'));
  await comes('There is no folder');
  expect(await sources()).toHaveLength(2);
  await writeFile(join(parent, 'away', 'c.md'), 'c');
  await rename(join(parent, 'away'), folder);
  await comes(/3 documents: 1 new, 0 changed, 2 unchanged, 0 removed/);

  process.kill(program.pid, 'SIGINT');
  expect(await program.exited()).toBe(0);
}, 120_000);
