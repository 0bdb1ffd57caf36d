/** A folder of what people have, by the command as a person types it: what can be read of it is found, and the rest is named. */
import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cleanEnvironment, startProgram } from '#tests/ops/program.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { post } from '../contract/clients.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FIXTURES = join(ROOT, 'tests/fixtures/documents');

let server: TestServer;
let folder: string;

beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), 'tributary-formats-'));
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function ingest(): Promise<{ code: number | null; output: string }> {
  const args = ['--import', 'tsx', 'ops/ingest.ts', '--url', `${server.url}/graphql`, '--name', 'formats', folder];
  using program = startProgram(process.execPath, args, { cwd: ROOT, env: cleanEnvironment({}) });
  return { code: await program.exited(), output: program.output };
}

/** The best passage for some words, and the document that it is of. */
async function found(query: string): Promise<{ text: string; title: string; metadata: { format?: string } }> {
  const { data } = await post(
    server.url,
    'query($query: String!) { search(query: $query, mode: KEYWORD, first: 1) { edges { node { text document { title metadata } } } } }',
    { query },
  );
  const { text, document } = data!['search'].edges[0].node as {
    text: string;
    document: { title: string; metadata: { format?: string } };
  };
  return { text, ...document };
}

test('each is found by what it says, under the headings that it has; what cannot be read is named and counted', async () => {
  for (const name of await readdir(FIXTURES))
    if (!name.endsWith('.py')) await copyFile(join(FIXTURES, name), join(folder, name));
  await writeFile(join(folder, 'cut.pdf'), '%PDF-1.7\nand no more');

  const { code, output } = await ingest();

  expect(code).toBe(1);
  expect(output).toContain('5 documents: 5 new, 0 changed, 0 unchanged, 0 removed, 3 files could not be ingested.');
  expect(output).toContain('Could not ingest locked.pdf: it is protected by a password.');
  expect(output).toContain(
    'Could not ingest scan.pdf: it has no text layer, as a scan has none: recognise its text (OCR) first.',
  );
  expect(output).toMatch(/Could not ingest cut\.pdf: it cannot be read as PDF: /);

  expect(await found('gauge thousand kilometres')).toMatchObject({
    title: 'The bicycle handbook',
    metadata: { format: 'pdf', properties: { author: 'Noor de Vries', pages: 2 } },
    text: expect.stringContaining('# Chains\n\nA worn chain lengthens') as string,
  });
  expect(await found('entrance faces south-east')).toMatchObject({
    title: 'Keeping bees',
    text: expect.stringContaining('# The hive') as string,
  });
  expect((await found('estuary of the Severn')).text).toContain('## Spring and neap tides');
  expect((await found('"Café Ölmühle"')).text).toContain('| Order | Customer | Date | Paid |');
  expect((await found('close the vents')).title).toBe('Müller’s greenhouse: frost tonight');

  const again = await ingest();
  expect(again.output).toContain('0 new, 0 changed, 5 unchanged');
}, 120_000);
