/** docs/sources/ten-minutes.md, literally: each block is run as it is printed, in a folder that has only the project; only the address differs. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '#tests/stores/provision/server.ts';
import { cleanEnvironment, startProgram } from './program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const AGAIN_MS = 100;

test('from an empty machine to one API over three stores', async () => {
  const page = readFileSync(join(ROOT, 'docs/sources/ten-minutes.md'), 'utf8');
  const folder = await mkdtemp(join(tmpdir(), 'tributary-ten-minutes-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  // What a clone has; what is made beside it is not in the project's own folder.
  for (const name of await readdir(ROOT))
    if (!name.startsWith('.')) await symlink(join(ROOT, name), join(folder, name));
  const address = `http://127.0.0.1:${await freePort()}`;
  const options = { cwd: folder, env: cleanEnvironment({ PORT: new URL(address).port }) };
  let exported = '';
  const blocks = [...page.matchAll(/^```(sh|json)\n([\s\S]*?)^```/gm)].map(([, language, text]) => ({
    language,
    text: text!.replaceAll('http://127.0.0.1:4000', address),
  }));
  for (const [index, { language, text }] of blocks.entries()) {
    // What runs a test is installed; another run of it would exchange what other tests are reading.
    if (language === 'json' || text === 'node ops/install.mjs\n') continue;
    if (text.includes('npm start')) {
      const program = startProgram('bash', ['-c', `${exported}${text}`], { ...options, detached: true });
      onTestFinished(async () => {
        process.kill(-program.pid, 'SIGTERM');
        await program.exited();
      });
      await ready(address, program);
      continue;
    }
    const output = await shell(`set -e\n${exported}${text}`, options);
    exported += text.match(/^export .*\n/gm)?.join('') ?? '';
    const answer = blocks[index + 1];
    if (answer?.language === 'json') expect(JSON.parse(output)).toEqual(JSON.parse(answer.text));
  }
}, 120_000);

/** Waits until it serves; fails with what it wrote where it has ended. */
async function ready(address: string, program: ReturnType<typeof startProgram>): Promise<void> {
  for (;;) {
    if (program.child.exitCode !== null) throw new Error(`It ended:\n${program.output}`);
    const response = await fetch(`${address}/health/ready`).catch(() => undefined);
    if (response?.ok === true) return;
    await delay(AGAIN_MS);
  }
}

const shell = (text: string, options: object): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile('bash', ['-c', text], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${text}\n${String(stdout)}${String(stderr)}`, { cause: error }));
    });
  });
