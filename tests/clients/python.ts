/** Python's gql and requests, from PyPI: they page, follow a run, and gql reads the schema by introspection. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { missingPrograms, runClient } from '#tests/stores/provision/clients.ts';
import { NotProvisioned } from '#tests/stores/provision/store.ts';
import { cached } from '#tests/stores/provision/workplace.ts';
import { DELTAS, type Library } from './library.ts';

const GQL = '4.4.0';
const REQUESTS = '2.32.5';
const HERE = fileURLToPath(new URL('.', import.meta.url));

/**
 * The folder of its packages, kept in `$XDG_CACHE_HOME/tributary/clients` (`~/.cache/…`): nothing is built or run to install them.
 * @throws NotProvisioned without Python or PyPI
 */
async function packages(): Promise<string> {
  const missing = await missingPrograms('python3');
  if (missing !== undefined) throw new NotProvisioned(missing);
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tributary', 'clients');
  await mkdir(cache, { recursive: true });
  const [python] = await runClient('python3', ['-c', 'import sys; print(sys.implementation.cache_tag)'], { cwd: HERE });
  return await cached({ cache }, `gql-${GQL}-requests-${REQUESTS}-${python}`, async (folder) => {
    const pip = ['-m', 'pip', 'install', '--quiet', '--only-binary=:all:', '--retries', '1', '--timeout', '15'];
    const wanted = [`gql[aiohttp,websockets]==${GQL}`, `requests==${REQUESTS}`];
    await runClient('python3', [...pip, '--target', folder, ...wanted], { cwd: HERE });
  });
}

export const python = (library: () => Library): unknown =>
  describe("Python's gql and requests", () => {
    test('gql knows the schema; both read, follow a run, and tell codes', { timeout: 120_000 }, async ({ skip }) => {
      const path = await packages().catch((error: unknown) => {
        // As without Chromium: a run that is to prove everything fails, others say what they left out.
        if (error instanceof NotProvisioned && process.env['CI'] !== 'true') return skip(error.message);
        throw error;
      });
      const { url, run, documents } = library();
      const { stdout } = await promisify(execFile)('python3', [join(HERE, 'python.py'), url, run], {
        env: { ...process.env, PYTHONPATH: [path, join(HERE, 'setup')].join(':'), PYTHONDONTWRITEBYTECODE: '1' },
        timeout: 60_000,
      });
      const read = JSON.parse(stdout) as Record<string, { sequence: number; delta?: string }[]>;
      expect(read).toMatchObject({
        documents,
        checked: expect.stringContaining('nothing') as unknown,
        refused: 'BAD_USER_INPUT',
      });
      expect(read['events']!.map(({ sequence }) => sequence)).toEqual(read['events']!.map((_, at) => at + 1));
      expect(read['events']!.flatMap(({ delta }) => delta ?? [])).toEqual(DELTAS);
      expect(read['rest']).toEqual(read['events']!.slice(1));
      expect(read['asked']).toEqual(documents);
      expect(read['told']).toContain('BAD_USER_INPUT');
      expect(read['flat']!.flatMap(({ delta }) => delta ?? [])).toEqual(DELTAS);
    });
  });
