/** Traefik itself is not to be had; what of it reads the file of routes is, and lets nothing through that it does not know. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import type { StackProgram } from '../provision/of-debian.ts';
import { tell } from '../kubernetes/tools.ts';
import { EDGE } from './drivers.ts';

const given = process.env['TEST_TRAEFIK_READER'];

describe.skipIf(!given)("Traefik's reader (TEST_TRAEFIK_READER)", () => {
  test('knows all of tributary.yaml, and would not otherwise', async () => {
    const { command } = JSON.parse(given!) as StackProgram;
    const file = join(EDGE, 'traefik/tributary.yaml');
    expect(tell(command, [file])).toMatchObject({ status: 0, output: '3 routers, 4 middlewares, 1 services\n' });
    const folder = await mkdtemp(join(tmpdir(), 'tributary-traefik-'));
    const misspelt = join(folder, 'tributary.yaml');
    await writeFile(misspelt, (await readFile(file, 'utf8')).replace('trustForwardHeader', 'trustForwardHeaders'));
    expect(tell(command, [misspelt])).toMatchObject({ status: 1, output: expect.stringContaining('field not found') });
    await rm(folder, { recursive: true });
  });
});
