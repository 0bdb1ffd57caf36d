/**
 * `npm run bundle [-- --out <folder>] [--key <file>]`: one archive for machines without any network, for this machine's system and
 * processor (docs/production.md).
 *
 * Exit codes: 0 made, 1 it could not be, 2 wrong usage.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeBundle } from './bundle/archive.ts';
import { tellUsage } from './serve/explain.ts';

const USAGE = `Usage: npm run bundle [-- --out <folder>] [--key <file>]

  --out  gets the archive, its checksum, and the signature (dist-bundle)
  --key  a private key of Ed25519 that signs the checksum: openssl genpkey -algorithm ed25519; without one nothing is signed`;

const ROOT = fileURLToPath(new URL('../', import.meta.url));

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'dist-bundle' },
      key: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return tellUsage(USAGE, true);
  if (process.platform !== 'linux') throw new Error('The archive holds programs for Linux; make it on Linux.');
  const key = values.key === undefined ? undefined : await readFile(values.key, 'utf8');
  const work = await mkdtemp(join(tmpdir(), 'tributary-bundle-'));
  try {
    const made = await makeBundle({ root: ROOT, out: resolve(values.out), work, key });
    for (const file of made) console.log(relative(process.cwd(), file));
    return 0;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
