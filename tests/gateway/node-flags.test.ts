import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { NODE_FLAGS } from '#ops/serve/node-flags.ts';

test('npm start and workers run with the same flags', async () => {
  const { scripts } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    scripts: Record<string, string>;
  };
  expect(scripts.start).toBe(`node ${NODE_FLAGS.join(' ')} ops/start.mjs`);
});
