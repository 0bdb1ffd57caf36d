/** docs/clients.md shows the set-ups that are tried, and names the versions that are. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const page = read('docs/clients.md');

test('every set-up is shown as it is', () => {
  const files = [
    ...readdirSync(new URL('setup/', import.meta.url)).map((name) => `setup/${name}`),
    'relay/relay.config.json',
  ];
  expect(files.length).toBeGreaterThan(8);
  expect(files.filter((name) => !page.includes(`\n${read(`tests/clients/${name}`).trimEnd()}\n`))).toEqual([]);
});

test('links lead to files', () => {
  for (const [, path] of page.matchAll(/\]\(\.\.\/([^)]+)\)/g)) expect(read(path!).length).toBeGreaterThan(0);
});

test('versions are those that are installed', () => {
  const versions = [...page.matchAll(/^\| \[?([^|\]]+)[^|]*\| ([\d., and]+) \|/gm)].map(([, name, text]) => [
    name!.trim(),
    text!.match(/\d+/)![0],
  ]);
  const packages = {
    Relay: 'relay-runtime',
    'Apollo Client': '@apollo/client',
    urql: '@urql/core',
    'graphql-request': 'graphql-request',
    'graphql-ws': 'graphql-ws',
    'graphql-sse': 'graphql-sse',
  };
  for (const [name, packaged] of Object.entries(packages)) {
    const { version } = JSON.parse(read(`node_modules/${packaged}/package.json`)) as { version: string };
    expect([name, versions.find(([each]) => each === name)?.[1]]).toEqual([name, version.split('.')[0]]);
  }
});
