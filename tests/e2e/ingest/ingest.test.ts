/** `npm run ingest` as a person runs it: a process of its own against a running server. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { documentId, entityId } from '#subgraphs/shared/ids.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { post } from '../contract/clients.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Enough that the first run is still at it when it is killed after a few. */
const FILES = 400;

let server: TestServer;
let folder: string;

interface Ended {
  code: number | null;
  output: string;
}

/** Runs the command; `stopAfter` kills it hard once the server holds that many documents. */
function runIngest(args: string[], started: (kill: () => void) => void = () => undefined): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'ops/ingest.ts', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  started(() => child.kill('SIGKILL'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

async function recorded(): Promise<number> {
  const { data } = await post(server.url, '{ documents(where: { source: { startsWith: "notes/" } }) { totalCount } }');
  return data!['documents'].totalCount as number;
}

beforeAll(async () => {
  server = await startTestServer();
  folder = join(await mkdtemp(join(tmpdir(), 'tributary-notes-')), 'notes');
  await mkdir(folder);
  for (let i = 0; i < FILES; i++) {
    await writeFile(
      join(folder, `${String(i).padStart(3, '0')}.md`),
      `# Note ${i}\n\nSee [the next](${String((i + 1) % FILES).padStart(3, '0')}.md).\n`,
    );
  }
  await writeFile(join(folder, 'broken.md'), Buffer.from([0xff, 0xfe, 0x00]));
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  if (folder !== undefined) await rm(join(folder, '..'), { recursive: true });
});

test('an interrupted run is completed by running it again, and what cannot be read is named', async () => {
  const interrupted = runIngest([folder, '--url', `${server.url}/graphql`], (kill) => {
    void vi.waitUntil(async () => (await recorded()) > 5, { timeout: 60_000, interval: 5 }).then(kill, kill);
  });
  expect((await interrupted).code).not.toBe(1); // Killed, not ended.
  const before = await recorded();
  expect(before).toBeGreaterThan(5);

  const again = await runIngest([folder, '--url', `${server.url}/graphql`]);
  expect(again.output).toContain('Could not ingest broken.md: it begins as UTF-16 and is not valid UTF-16.');
  expect(again.output).toMatch(
    new RegExp(
      `^${FILES} documents: \\d+ new, 0 changed, \\d+ unchanged, 0 removed, 1 file could not be ingested\\.$`,
      'm',
    ),
  );
  expect(again.code).toBe(1);
  expect(await recorded()).toBe(FILES);

  const [first, next] = [0, 1].map((i) => ({
    id: entityId('default', 'file', `notes/00${i}.md`),
    name: `notes/00${i}.md`,
  }));
  await vi.waitFor(
    async () => {
      const { data } = await post(
        server.url,
        `query($id: ID!, $document: ID!) {
          entity(id: $id) { relations(direction: OUT) { edges { type node { id name } } } }
          document(id: $document) { title indexing { store state } file { sizeBytes } }
        }`,
        { id: first!.id, document: documentId('default', 'notes/000.md') },
      );
      expect(data!['entity']?.relations.edges).toEqual([{ type: 'LINKS_TO', node: next }]);
      expect(data!['document'].indexing.map(({ state }: { state: string }) => state)).toEqual(['DONE', 'DONE', 'DONE']);
      expect(data!['document']).toMatchObject({ title: 'Note 0', file: { sizeBytes: expect.any(Number) as number } });
    },
    { timeout: 20_000 },
  );
}, 120_000);

test('what it wrote is found as soon as it ends, unless it is not to wait', async () => {
  const other = join(folder, '..', 'found');
  await mkdir(other);
  await writeFile(join(other, 'a.md'), '# Quokkas\n\nThey smile.');
  const { code, output } = await runIngest([other, '--url', `${server.url}/graphql`]);
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('found by searches') as string });
  const { data } = await post(
    server.url,
    '{ search(query: "smiling quokkas", mode: VECTOR, where: { source: { startsWith: "found/" } }) { edges { node { document { source indexing { state } } } } } }',
  );
  const done = { state: 'DONE' };
  expect(data!['search'].edges).toEqual([
    { node: { document: { source: 'found/a.md', indexing: [done, done, done] } } },
  ]);

  const hasty = await runIngest([other, '--no-wait', '--url', `${server.url}/graphql`]);
  expect(hasty.code).toBe(0);
  expect(hasty.output).not.toContain('found by searches');
  const both = await runIngest([other, '--no-wait', '--wait', '5', '--url', `${server.url}/graphql`]);
  expect(both).toMatchObject({ code: 2, output: expect.stringContaining('--wait takes whole seconds') as string });
}, 120_000);

test('a folder without faults ends with 0, and running it once more changes nothing', async () => {
  await rm(join(folder, 'broken.md'));
  const before = await post(
    server.url,
    '{ documents(first: 1, orderBy: [{ field: UPDATED_AT, direction: DESC }]) { edges { node { id updatedAt } } } }',
  );
  const { code, output } = await runIngest([folder, '--url', `${server.url}/graphql`]);
  expect({ code, output: output.trim() }).toEqual({
    code: 0,
    output: expect.stringContaining(`${FILES} documents: 0 new, 0 changed, ${FILES} unchanged, 0 removed.`) as string,
  });
  expect(output).toContain('All of them are found by searches.');
  const after = await post(
    server.url,
    '{ documents(first: 1, orderBy: [{ field: UPDATED_AT, direction: DESC }]) { edges { node { id updatedAt } } } }',
  );
  expect(after).toEqual(before);
}, 120_000);

test('without a server, a folder or a GraphQL API behind the address it says what to do and ends with 2', async () => {
  const free = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => free.once('listening', resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));

  const noServer = await runIngest([folder, '--url', `http://127.0.0.1:${port}/graphql`]);
  expect(noServer).toEqual({ code: 2, output: expect.stringContaining('npm start') as string });
  expect(await runIngest([])).toEqual({ code: 2, output: expect.stringContaining('Usage') as string });
  expect(await runIngest([join(folder, 'missing'), '--url', `${server.url}/graphql`])).toEqual({
    code: 2,
    output: expect.stringContaining('There is no folder') as string,
  });
  expect(await runIngest([join(folder, '000.md'), '--url', `${server.url}/graphql`])).toEqual({
    code: 2,
    output: expect.stringContaining('000.md is a file. Name the folder that it is in.') as string,
  });
  expect(await runIngest([folder, '--url', `${server.url}/health/live`])).toEqual({
    code: 2,
    output: expect.stringContaining('not this API') as string,
  });
}, 120_000);
