/** docs/clients.md shows the set-ups that are tried, and names the versions that are. */
import { readdirSync, readFileSync } from 'node:fs';
import { buildSchema, isScalarType, isSpecifiedScalarType } from 'graphql';
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

test('every scalar is named where clients are told of types', () => {
  const api = buildSchema(read('gateway/supergraph/api.graphql'), { assumeValidSDL: true });
  const scalars = Object.values(api.getTypeMap()).flatMap((type) =>
    isScalarType(type) && !isSpecifiedScalarType(type) ? [type.name] : [],
  );
  expect(scalars).toContain('DateTime');
  const places = {
    'what caches should know': page.split('\n## ').find((section) => section.startsWith('What caches'))!,
    relay: read('tests/clients/relay/relay.config.json'),
    codegen: read('tests/clients/setup/codegen.ts'),
  };
  for (const [place, text] of Object.entries(places))
    expect([place, scalars.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))]).toEqual([place, []]);
});

test('what a set-up imports, and what that wants beside it, is what its section installs', () => {
  const packageOf = (specifier: string): string => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  const wanted: string[] = [];
  const installed: string[] = [];
  for (const section of page.split('\n## ')) {
    const title = section.slice(0, section.indexOf('\n'));
    const lines = [...section.matchAll(/`npm install (?:--save-dev )?([^`]+)`/g)].flatMap(([, names]) =>
      names!.split(' '),
    );
    installed.push(...lines);
    const imported = [...section.matchAll(/^(?:import|} from) .*'([^'.][^']*)';$/gm)].map(([, from]) =>
      packageOf(from!),
    );
    const peers = imported.flatMap((name) => {
      const { peerDependencies = {}, peerDependenciesMeta = {} } = JSON.parse(
        read(`node_modules/${name}/package.json`),
      ) as { peerDependencies?: object; peerDependenciesMeta?: Record<string, { optional?: boolean }> };
      return Object.keys(peerDependencies).filter((peer) => peerDependenciesMeta[peer]?.optional !== true);
    });
    wanted.push(...[...imported, ...peers].filter((name) => !lines.includes(name)).map((name) => `${title}: ${name}`));
  }
  expect(installed).toContain('rxjs');
  expect(wanted).toEqual([]);
});
