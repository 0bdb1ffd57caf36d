/** The images: what they hold, and that they run as orchestrators run them, as nobody in particular and with nothing writable but their data. */
import { once } from 'node:events';
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import { cleanEnvironment, startProgram } from '#tests/ops/program.ts';
import { UnpackedImage, type Container } from './container.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const README_QUERY =
  '{ search(query: "retry with backoff", first: 3) { edges { score node { text document { title file { size } entities(first: 3) { edges { node { name } } } } } } } }';
const HEALTH = ['/app/serve.mjs', '--health'];

let folder: string;
let images: { lean: UnpackedImage; embedded: UnpackedImage };
let notes: string;

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return String(port);
}

/** Looks until it is there; the test's own time limit ends it. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const ready = ({ program }: Container): Promise<true> =>
  until(() => {
    if (program.child.exitCode !== null) return Promise.reject(new Error(program.output));
    return Promise.resolve(program.output.includes('Tributary is ready.') || undefined);
  });

async function answers(port: string): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: README_QUERY }),
  });
  interface Found {
    data: {
      search: {
        edges: { node: { document: { title: string; file: { size: number }; entities: { edges: unknown[] } } } }[];
      };
    };
    errors?: unknown;
  }
  const { data, errors } = (await response.json()) as Found;
  expect(errors).toBeUndefined();
  return data.search.edges
    .map(({ node }) => node.document)
    .filter(({ file, entities }) => file.size > 0 && entities.edges.length > 0)
    .map(({ title }) => title);
}

const everyFile = async (root: string): Promise<string[]> =>
  (await readdir(root, { recursive: true, withFileTypes: true })).map((each) => join(each.parentPath, each.name));

describe.runIf(process.env['TEST_IMAGE'])('an image', { timeout: 240_000 }, () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-image-test-'));
    // Whoever is in a container has to come through.
    await chmod(folder, 0o755);
    const make = async (name: string, ...args: string[]): Promise<UnpackedImage> => {
      const out = join(folder, name);
      using image = startProgram(process.execPath, ['--import', 'tsx', 'ops/image.ts', '--out', out, ...args], {
        cwd: ROOT,
        env: cleanEnvironment(),
      });
      expect({ code: await image.exited(), output: image.output }).toMatchObject({ code: 0 });
      const tag = /:(\S+) and/.exec(image.output)![1]!;
      return await UnpackedImage.unpack(`${join(out, 'tributary')}:${tag}`, join(folder, `${name}-unpacked`));
    };
    images = { lean: await make('lean'), embedded: await make('embedded', '--embedded') };
    notes = join(folder, 'notes');
    await mkdir(notes);
    await writeFile(join(notes, 'retry.md'), '# Retry\n\nRetry with backoff. See [jitter](jitter.md).\n');
    await writeFile(join(notes, 'jitter.md'), '# Jitter\n\nIt keeps a herd from thundering.\n');
  }, 600_000);

  afterAll(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  test.each(['lean', 'embedded'] as const)('%s holds no more than it runs, and no secrets', async (which) => {
    const { rootfs } = images[which];
    const files = await everyFile(rootfs);
    const names = files.map((file) => file.slice(rootfs.length));
    expect(names.filter((name) => /\/\.(env|npmrc|git|ssh|local-data)|id_rsa|\.(map|ts)$/.test(name))).toEqual([]);
    const programs = names.filter((name) => /\/s?bin\/[^/]+$/.test(name) && !name.startsWith('/app/'));
    expect(programs.sort()).toEqual(which === 'lean' ? ['/usr/bin/node'] : ['/bin/sh', '/usr/bin/node']);

    const secrets = Object.entries(process.env)
      .filter(([name, value]) => /SECRET|TOKEN|PASSWORD|_KEY$/.test(name) && (value ?? '').length >= 12)
      .map(([, value]) => value!);
    let bytes = 0;
    for (const file of files) {
      const found = await lstat(file);
      if (found.isSymbolicLink() || found.isDirectory()) continue;
      bytes += found.size;
      // Nothing makes its caller somebody else, and nobody but root writes it.
      expect({ file, special: found.mode & 0o6022 }).toEqual({ file, special: 0 });
      expect({ file, owner: found.uid }).toEqual({ file, owner: 0 });
      const text = await readFile(file, 'latin1');
      expect({ file, key: /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64}/.exec(text)?.[0] }).toEqual({
        file,
      });
      expect({ file, token: /\b(AKIA[0-9A-Z]{16}|gh[ps]_\w{36}|npm_[A-Za-z0-9]{36})\b/.exec(text)?.[0] }).toEqual({
        file,
      });
      expect({ file, ours: [ROOT, ...secrets].filter((each) => text.includes(each)) }).toEqual({ file, ours: [] });
    }
    console.log(`${which}: ${Math.round(bytes / 1e6)} MB unpacked`);
    expect(bytes).toBeLessThan(220_000_000);
  });

  test('says how it is run', async () => {
    const { process: program } = await images.lean.config();
    expect(program).toMatchObject({
      user: { uid: 65_532, gid: 65_532 },
      args: ['/usr/bin/node', '--max-semi-space-size=64', '/app/serve.mjs'],
      cwd: '/var/lib/tributary',
    });
    const bill = JSON.parse(await readFile(join(images.lean.rootfs, 'app/sbom.cdx.json'), 'utf8')) as {
      bomFormat: string;
      components: { name: string; version: string }[];
    };
    expect(bill.bomFormat).toBe('CycloneDX');
    const parts = new Map(bill.components.map(({ name, version }) => [name, version]));
    expect(parts.get('node')).toBe(process.versions.node);
    // What is bundled is in the bill.
    const licences = await readFile(join(images.lean.rootfs, 'app/THIRD_PARTY_LICENSES.txt'), 'utf8');
    const bundled = [...licences.matchAll(/^-{80}\n(\S+) \d\S* \(.*\)\n-{80}$/gm)].map(([, name]) => name!);
    expect(bundled.length).toBeGreaterThan(100);
    expect(bundled.filter((name) => !parts.has(name))).toEqual([]);
  });

  test('answers on a database of its operator, and drains', async () => {
    await using database = await createTestDatabase();
    const port = await freePort();
    const options = {
      env: { HOST: '127.0.0.1', PORT: port, DATABASE_URL: database.url },
      data: join(folder, 'lean-data'),
      notes,
    };
    await using container = await images.lean.start(options);
    await ready(container);
    expect(await container.exec('/app/ingest.mjs', '/notes')).toMatchObject({ code: 0 });
    await until(async () => ((await answers(port)).includes('Retry') ? true : undefined));
    expect(await container.exec(...HEALTH)).toEqual({
      code: 0,
      output: `Ready: http://127.0.0.1:${port}/health/ready answers 200.\n`,
    });
    // Nothing but its data can be written, and nothing else can be run.
    const tries = await container.exec(
      '-e',
      `const fs = require('node:fs'); const told = ['/app/x', '/tmp/x', '/etc/x', '/x', '/var/lib/tributary/x'].map((path) => { try { fs.writeFileSync(path, ''); return 'written'; } catch (error) { return error.code; } });
       console.log(process.getuid(), told.join(' '), require('node:child_process').spawnSync('/bin/sh', ['-c', 'true']).error?.code)`,
    );
    expect(tries.output).toMatch(/^65532 EROFS ENOENT EROFS EROFS written ENOENT\n$/);
    await container.signal('TERM');
    expect(await container.program.exited()).toBe(0);
    await using down = await images.lean.start({ ...options, args: ['--health'] });
    expect(await down.program.exited()).toBe(1);
    expect(down.program.output).toBe(
      `Not ready: http://127.0.0.1:${port}/health/ready does not answer (ECONNREFUSED).\n`,
    );
  });

  test('refuses to listen for everybody without authentication, and says what to set', async () => {
    await using database = await createTestDatabase();
    await using container = await images.lean.start({
      env: { PORT: await freePort(), DATABASE_URL: database.url },
      data: join(folder, 'refused-data'),
    });
    expect(await container.program.exited()).toBe(1);
    expect(container.program.output).toContain('OIDC_ISSUER');
  });

  test('with embedded stores keeps what it has in its data', async () => {
    const port = await freePort();
    const options = { env: { HOST: '127.0.0.1', PORT: port }, data: join(folder, 'embedded-data'), notes };
    {
      await using container = await images.embedded.start(options);
      await ready(container);
      expect(await container.exec('/app/ingest.mjs', '/notes')).toMatchObject({ code: 0 });
      await until(async () => ((await answers(port)).includes('Retry') ? true : undefined));
      expect(await container.exec(...HEALTH)).toMatchObject({ code: 0 });
      await container.signal('TERM');
      expect(await container.program.exited()).toBe(0);
    }
    await using again = await images.embedded.start({ ...options, args: ['--workers', '2'] });
    await ready(again);
    expect(await answers(port)).toContain('Retry');
    await again.signal('TERM');
    expect(await again.program.exited()).toBe(0);
  });
});
