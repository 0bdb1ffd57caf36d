/** CONTRIBUTING.md names files and commands that there are. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const text = readFileSync(new URL('CONTRIBUTING.md', ROOT), 'utf8');
const quoted = [...text.matchAll(/`([^`\n]+)`/g)].map(([, inner]) => inner!);

test('the files that it sends people to', () => {
  const paths = quoted.filter((path) => /^(gateway|subgraphs|ops|tests|docs)\/[^<\s]+$/.test(path));
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.filter((path) => !existsSync(new URL(path, ROOT)))).toEqual([]);
});

test('the variable that it sends people to', () => {
  expect(readFileSync(new URL('gateway/config/variables.ts', ROOT), 'utf8')).toContain('SUBGRAPH_TIMEOUT_MS');
});

test('the commands that it tells', () => {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { scripts: object };
  const told = [...text.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name!);
  expect(told.filter((name) => !(name in scripts))).toEqual([]);
});
