import { expect, test } from 'vitest';

import { parseOptions } from './options.ts';
import { STORES } from './stores.ts';

const names = (args: string[]) => parseOptions(args, STORES).stores.map(({ name }) => name);

test('all stores but the slow ones, unless some are named', () => {
  expect(names(['--all'])).toEqual(STORES.map(({ name }) => name));
  expect(names([])).toEqual(STORES.filter(({ slow }) => slow !== true).map(({ name }) => name));
  expect(names([])).not.toContain('temporal');
  expect(names(['--only', 'temporal'])).toEqual(['temporal']);
  expect(names(['--only', 'redis,neo4j'])).toEqual(['neo4j', 'redis']);
  expect(names(['--only=s3'])).toEqual(['s3']);
});

test('what is not known is refused by name', () => {
  expect(() => names(['--only', 'neo4j,oracle'])).toThrow(/neo4j.*redis.*; there is no oracle\./);
  expect(() => names(['--only'])).toThrow(/--only takes some of/);
  expect(() => names(['--only', ','])).toThrow(/--only takes some of/);
});

test("the rest is vitest's", () => {
  expect(parseOptions(['--all', '-t', 'tenants', '--compose'], STORES)).toMatchObject({
    all: true,
    compose: true,
    named: false,
    vitest: ['-t', 'tenants'],
  });
});
