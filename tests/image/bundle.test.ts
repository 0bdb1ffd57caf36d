/** The archive for machines without any network: signed, whole or refused, started in a network namespace that has nothing, updated and rolled back. */
import { execFile, execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
/** What a small board has. */
const MEMORY = 1_073_741_824;

let folder: string;
let made: string;
let archive: string;
let release: string;
const opt = (): string => join(folder, 'opt');
const install = async (from: string, ...args: string[]): Promise<string> =>
  (await run('sh', [join(from, 'install.sh'), '--to', opt(), ...args])).stdout;
const failing = (made: Promise<unknown>): Promise<{ code: number; stderr: string }> =>
  made.then(
    () => Promise.reject(new Error('It did not fail.')),
    (error: { code: number; stderr: string }) => error,
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-bundle-'));
  made = join(folder, 'made');
  const key = join(folder, 'key.pem');
  execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', key]);
  await run('npm', ['run', '-s', 'bundle', '--', '--out', made, '--key', key], { cwd: ROOT });
  archive = (await readdir(made)).find((name) => name.endsWith('.tar.gz'))!;
  await run('tar', ['-xzf', join(made, archive), '-C', folder]);
  release = join(folder, archive.replace(/\.tar\.gz$/, ''));
}, 600_000);
afterAll(async () => await rm(folder, { recursive: true, force: true }));

test('is what was signed, by the means that every system has', async () => {
  const verify = (file: string): Promise<unknown> =>
    run('openssl', [
      ...['pkeyutl', '-verify', '-pubin', '-inkey', join(made, 'tributary.pub.pem'), '-rawin'],
      ...['-in', file, '-sigfile', join(made, `${archive}.sha256.sig`)],
    ]);
  await verify(join(made, `${archive}.sha256`));
  await run('sha256sum', ['--check', `${archive}.sha256`], { cwd: made });
  const altered = join(folder, 'altered');
  await writeFile(altered, (await readFile(join(made, `${archive}.sha256`), 'utf8')).replace(/^./, 'x'));
  await failing(verify(altered));
});

test('a key that signs nothing is refused, and nothing of it told', async () => {
  const wrong = join(folder, 'wrong.pem');
  execFileSync('openssl', ['genpkey', '-algorithm', 'RSA', '-out', wrong], { stdio: 'ignore' });
  const { stderr } = await failing(
    run('npm', ['run', '-s', 'bundle', '--', '--out', join(folder, 'none'), '--key', wrong], { cwd: ROOT }),
  );
  expect(stderr.trim()).toBe(
    'The key is no private key of Ed25519 without a passphrase: openssl genpkey -algorithm ed25519',
  );
});

test('what was altered on its way is not installed', async () => {
  const file = join(release, 'product/serve.mjs');
  const whole = await readFile(file);
  await appendFile(file, '\n');
  const { code, stderr } = await failing(install(release));
  expect(code).toBe(1);
  expect(stderr).toMatch(/product\/serve\.mjs: FAILED|get the archive anew/);
  expect(await readdir(folder)).not.toContain('opt');
  await writeFile(file, whole);
});

test('it installs, and answers from its stores without any network, in the memory of a small board', async () => {
  expect(await install(release)).toMatch(/^Installed tributary-/);
  expect(await install(release)).toMatch(/is current already/);
  const group = `/sys/fs/cgroup/memory/tributary-${process.pid}`;
  await mkdir(group);
  try {
    await writeFile(join(group, 'memory.limit_in_bytes'), String(MEMORY));
    const ask = `
      const until = async (look) => { for (;;) { const found = await look().catch(() => undefined); if (found) return found; await new Promise((r) => setTimeout(r, 50)); } };
      await until(async () => (await fetch('http://127.0.0.1:4000/health/ready')).ok);
      const post = async (query) => {
        const response = await fetch('http://127.0.0.1:4000/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query }) });
        return (await response.json()).data;
      };
      await post('mutation { upsertDocument(input: { title: "Away", source: "away.md", mediaType: "text/markdown", text: "Retries wait longer each time.", entities: [{ name: "retry", kind: "CONCEPT" }] }) { document { id } } }');
      const found = await until(async () => {
        const data = await post('{ search(query: "waiting before trying again", first: 1) { nodes: edges { node { document { title entities(first: 1) { nodes { name } } } } } } }');
        return data.search.nodes[0]?.node.document.entities.nodes.length === 1 ? data.search.nodes[0].node.document : undefined;
      });
      const outside = await fetch('http://192.0.2.1/').then(() => 'there', (error) => error.cause.code);
      console.log(JSON.stringify({ found, outside }));`;
    const script = `echo $$ > ${group}/tasks
      exec unshare --net sh -c '
        ip link set lo up
        cd ${folder}
        DATA_DIR=${folder}/data PORT=4000 ${opt()}/current/tributary > ${folder}/log 2>&1 &
        server=$!
        timeout 180 ${opt()}/current/bin/node ${folder}/ask.mjs
        kill -TERM $server
        wait $server'`;
    await writeFile(join(folder, 'ask.mjs'), ask);
    const { stdout } = await run('sh', ['-c', script]);
    expect(JSON.parse(stdout)).toEqual({
      found: { title: 'Away', entities: { nodes: [{ name: 'retry' }] } },
      outside: 'ENETUNREACH',
    });
    expect(Number(await readFile(join(group, 'memory.failcnt'), 'utf8'))).toBe(0);
  } finally {
    // A group that still has something that ends cannot be removed.
    await run('sh', ['-c', `for n in $(seq 100); do rmdir ${group} 2>/dev/null && exit 0; sleep 0.1; done; exit 1`]);
  }
}, 300_000);

test('a newer one takes its place, and the one before comes back', async () => {
  const newer = join(folder, 'newer');
  await rename(release, newer);
  await writeFile(join(newer, 'RELEASE'), 'tributary-9.9.9\n');
  await run('sh', ['-c', 'find . -type f ! -name SHA256SUMS -exec sha256sum {} + > ../sums && mv ../sums SHA256SUMS'], {
    cwd: newer,
  });
  const before = await readlink(join(opt(), 'current'));
  expect(await install(newer)).toMatch(/^Installed tributary-9\.9\.9/);
  expect(await readlink(join(opt(), 'current'))).toBe('releases/tributary-9.9.9');
  expect(await readlink(join(opt(), 'previous'))).toBe(before);
  expect(await install(newer, '--back')).toMatch(/^Current is tributary-0\./);
  expect(await readlink(join(opt(), 'current'))).toBe(before);
  expect(await install(newer, '--back')).toMatch(/^Current is tributary-9\.9\.9/);
  const { stdout } = await run(join(opt(), 'current/tributary'), ['config', '--check'], {
    env: { PATH: '/usr/bin:/bin' },
  });
  expect(stdout).toMatch(/Nothing is wrong\./);
  const { code, stderr } = await failing(run(join(opt(), 'current/tributary'), ['nothing']));
  expect([code, stderr]).toEqual([2, expect.stringMatching(/There is no command nothing.*doctor/s)]);
});
