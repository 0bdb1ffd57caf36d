/** A built product, in a folder that has nothing else: no packages, no TypeScript, nothing to install. */
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMMANDS } from '#ops/build/commands.ts';
import { childrenOf, cleanEnvironment, startProgram, type Program } from './program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let folder: string;
let server: Program;
let url: string;
let port: string;

const command = (name: string, ...args: string[]): Program =>
  startProgram(process.execPath, [join('dist', `${name}.mjs`), ...args], {
    cwd: folder,
    env: cleanEnvironment({ PORT: port, DATA_DIR: join(folder, 'data'), LOG_FORMAT: 'text' }),
  });

/** Runs a command to its end. */
async function run(name: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  using program = command(name, ...args);
  return { code: await program.exited(), output: program.output };
}

async function ask<T>(query: string): Promise<T> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = (await response.json()) as { data: T; errors?: unknown };
  expect(errors).toBeUndefined();
  return data;
}

/** Looks until it is there; the test's own time limit ends it. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-build-'));
  using build = startProgram(process.execPath, ['--import', 'tsx', 'ops/build.ts', '--out', join(folder, 'dist')], {
    cwd: ROOT,
    env: cleanEnvironment(),
  });
  expect({ code: await build.exited(), output: build.output }).toMatchObject({ code: 0 });

  const shop = new DatabaseSync(join(folder, 'shop.db'));
  shop.exec(`CREATE TABLE tools (id INTEGER PRIMARY KEY, name TEXT NOT NULL); INSERT INTO tools VALUES (1, 'anvil')`);
  shop.close();
  await writeFile(join(folder, 'sources.yaml'), 'sources:\n  shop: { kind: sqlite, url: SHOP_URL, tenancy: shared }\n');

  // A port that was free, because commands have to know it.
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  port = String((free.address() as AddressInfo).port);
  free.close();
  await once(free, 'close');
  server = startProgram(process.execPath, [join('dist', 'serve.mjs'), '--workers', '2'], {
    cwd: folder,
    env: cleanEnvironment({
      PORT: port,
      DATA_DIR: join(folder, 'data'),
      SOURCES: 'sources.yaml',
      SHOP_URL: 'sqlite:shop.db',
    }),
  });
  url = `http://127.0.0.1:${port}`;
  await until(async () => {
    if (server.child.exitCode !== null) throw new Error(server.output);
    return server.output.includes('Tributary is ready.') ? true : undefined;
  });
}, 120_000);

afterAll(async () => {
  server?.[Symbol.dispose]();
  await server?.exited();
  await rm(folder, { recursive: true, force: true });
});

test('needs nothing of the checkout', async () => {
  const files = await readdir(join(folder, 'dist'), { recursive: true });
  expect(files.filter((file) => /\.ts$|\.env|(^|\/)(tsx|esbuild|typescript|vitest)(\/|$)/.test(file))).toEqual([]);
  // What it runs is not what was built here.
  for (const file of files.filter((each) => each.endsWith('.mjs')))
    expect(await readFile(join(folder, 'dist', file), 'utf8')).not.toContain(ROOT);
  // Composed when it was built.
  expect(await readdir(join(folder, 'data'))).not.toContain('supergraph.json');
});

test('reads documents of every format, and answers over five kinds of store', { timeout: 60_000 }, async () => {
  const notes = join(folder, 'notes');
  await cp(join(ROOT, 'tests/fixtures/documents'), notes, { recursive: true });
  await rm(join(notes, 'make.py'));
  await writeFile(
    join(notes, 'retry.md'),
    '# Retry\n\nRetry with exponential backoff and jitter. See [jitter](jitter.md).\n',
  );
  await writeFile(join(notes, 'jitter.md'), '# Jitter\n\nIt keeps a herd from thundering.\n');
  const { code, output } = await run('ingest', notes);
  // The one that is locked and the one that is a picture have no text, and are told.
  expect({ code, output }).toMatchObject({ code: 1, output: expect.stringContaining('locked.pdf') as string });
  interface Found {
    search: {
      edges: { node: { document: { title: string; file: { size: number }; entities: { edges: unknown[] } } } }[];
    };
  }
  const found = await until(async () => {
    const { search } = await ask<Found>(
      '{ search(query: "retry with backoff", first: 3) { edges { score node { text document { title file { size } entities(first: 3) { edges { node { name } } } } } } } }',
    );
    return search.edges.find(
      ({ node: { document } }) => document.title === 'Retry' && document.entities.edges.length > 0,
    );
  });
  expect(found.node.document.file.size).toBeGreaterThan(10);
  const { documents } = await ask<{ documents: { totalCount: number } }>('{ documents { totalCount } }');
  expect(documents.totalCount).toBe(7);
});

test('reads a source in a process of its own', async () => {
  expect(await ask('{ tools(first: 1) { nodes { name } } }')).toEqual({ tools: { nodes: [{ name: 'anvil' }] } });
});

test('has its pages', async () => {
  const page = await (await fetch(`${url}/graphql`, { headers: { accept: 'text/html' } })).text();
  expect(page).toContain('graphiql-options');
  const script = /src="(\/graphiql\/[^"]+\.js)"/.exec(page)![1]!;
  expect((await (await fetch(url + script)).text()).length).toBeGreaterThan(1_000_000);
  expect((await fetch(`${url}/examples/run-viewer`)).status).toBe(200);
});

test.each(Object.keys(COMMANDS))('%s says how it is used', async (name) => {
  expect(await run(name, '--help')).toMatchObject({ code: 0, output: expect.stringContaining('Usage: ') as string });
});

test('commands work beside it, on its stores', { timeout: 60_000 }, async () => {
  expect(await run('keys', 'create', '--tenant', 'acme', '--name', 'CI', '--scopes', 'documents:write')).toMatchObject({
    code: 0,
  });
  expect(await run('keys', 'list')).toMatchObject({ code: 0, output: expect.stringContaining('acme') as string });
  expect(await run('reconcile')).toMatchObject({
    code: 0,
    output: expect.stringContaining('no differences') as string,
  });
  expect(await run('reindex', '--look')).toMatchObject({ code: 0 });
  expect(await run('compose')).toMatchObject({ code: 0 });
  using mcp = command('mcp');
  mcp.child.stdin!.write(
    `${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } } })}\n`,
  );
  expect(await mcp.next()).toMatchObject({ result: { serverInfo: {} } });
});

test('one subgraph alone', async () => {
  using subgraph = startProgram(process.execPath, [join('dist', 'subgraph.mjs'), 'inference', '--port', '0'], {
    cwd: folder,
    env: cleanEnvironment({ DATA_DIR: join(folder, 'data'), DATABASE_URL: 'off' }),
  });
  const address = await until(() =>
    subgraph.child.exitCode === null
      ? Promise.resolve(/answers at (\S+)\./.exec(subgraph.output)?.[1])
      : Promise.reject(new Error(subgraph.output)),
  );
  expect((await fetch(new URL('/health/ready', address))).status).toBe(200);
  subgraph.child.kill('SIGTERM');
  expect(await subgraph.exited()).toBe(0);
});

test('tells its health, drains at SIGTERM, and tells that too', { timeout: 60_000 }, async () => {
  expect(await run('serve', '--health')).toEqual({ code: 0, output: `Ready: ${url}/health/ready answers 200.\n` });
  const workers = process.platform === 'linux' ? await childrenOf(server.pid) : [];
  server.child.kill('SIGTERM');
  expect(await server.exited()).toBe(0);
  for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow();
  expect(await run('serve', '--health')).toEqual({
    code: 1,
    output: `Not ready: ${url}/health/ready does not answer (ECONNREFUSED).\n`,
  });
});
