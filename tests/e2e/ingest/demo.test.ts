/** `npm run demo` as a person runs it, beside documents of his own. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { UPSERT_DOCUMENT } from '#ops/ingest/document-input.ts';
import { cleanEnvironment, startProgram } from '#tests/ops/program.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { post } from '../contract/clients.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

const start = (...args: string[]) =>
  startProgram(process.execPath, ['--import', 'tsx', 'ops/demo.ts', ...args, '--url', `${server.url}/graphql`], {
    cwd: ROOT,
    env: cleanEnvironment({}),
  });

async function counts(): Promise<{ demo: number; own: number }> {
  const { data } = await post(
    server.url,
    '{ demo: documents(where: { collection: { eq: "demo" } }) { totalCount } own: documents(where: { collection: { eq: "default" } }) { totalCount } }',
  );
  return { demo: data!['demo'].totalCount as number, own: data!['own'].totalCount as number };
}

test('the demo is added as a collection, and goes with all that the stores have of it, and nothing else', async () => {
  const input = { title: 'Mine', source: 'mine.md', mediaType: 'text/markdown', text: 'A quokka package of mine.' };
  expect((await post(server.url, UPSERT_DOCUMENT, { input })).errors).toBeUndefined();
  {
    using adding = start();
    // Enough to see that it does: all of it takes long. More pages than one are to be removed.
    await vi.waitFor(async () => expect((await counts()).demo).toBeGreaterThan(110), { timeout: 90_000 });
    adding.child.kill('SIGKILL');
    await adding.exited();
  }
  const { demo } = await vi.waitFor(
    async () => {
      // What was under way when it was killed may still arrive.
      const before = await counts();
      expect(await counts()).toEqual(before);
      return before;
    },
    { timeout: 10_000 },
  );
  using removing = start('--remove');
  expect(await removing.exited()).toBe(0);
  expect(removing.output).toContain(`Removed ${demo} documents of the collection "demo"`);
  expect(await counts()).toEqual({ demo: 0, own: 1 });
  await vi.waitFor(
    async () => {
      const { data } = await post(
        server.url,
        `{ entities(where: { kind: { eq: "package" } }, first: 1) { edges { node { name } } }
           search(query: "package", mode: VECTOR, first: 5) { edges { node { document { source } } } } }`,
      );
      expect(data).toEqual({
        entities: { edges: [] },
        search: { edges: [{ node: { document: { source: 'mine.md' } } }] },
      });
    },
    { timeout: 60_000 },
  );
  using again = start('--remove');
  expect(await again.exited()).toBe(0);
  expect(again.output).toContain('There is nothing in the collection "demo".');
}, 240_000);
