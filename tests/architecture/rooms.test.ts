import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { importsOf, roomOf, ROOT, sourceFiles, type Import } from '#ops/architecture/imports.ts';

/*
 * The rooms of the project, and who may enter which. A room is a folder of gateway/, subgraphs/, ops/, tests/ or
 * examples/; the files directly in gateway/ are one room of their own.
 */

/** Clients of stores, by npm scope or name; `pg` and `kysely` are two halves of one. */
const STORE_CLIENTS: Record<string, string> = {
  pg: 'postgres',
  kysely: 'postgres',
  'neo4j-driver': 'neo4j',
  '@neo4j': 'neo4j',
  '@qdrant': 'qdrant',
  mongodb: 'mongodb',
  '@clickhouse': 'clickhouse',
  '@aws-sdk': 's3',
  openai: 'openai',
  ioredis: 'redis',
  '@temporalio': 'temporal',
  amqplib: 'rabbitmq',
  bullmq: 'redis',
};

// Plain JavaScript in tests/ and examples/ is for programs that have packages of their own.
const files = [
  ...sourceFiles(['gateway', 'subgraphs', 'ops']),
  ...sourceFiles(['tests', 'examples']).filter((file) => file.endsWith('.ts')),
];
const imports = files.flatMap(importsOf);

/** The top folders, each of which may import those behind it and none before it. */
const FLOORS = ['ops', 'gateway', 'subgraphs'];

const topOf = (path: string): string => path.split('/')[0]!;

/** The package a specifier names, without the path inside it. */
function packageOf(specifier: string): string {
  const [first, second] = specifier.split('/');
  return specifier.startsWith('@') ? `${first}/${second}` : `${first}`;
}

function storeOf({ specifier, target }: Import): string | undefined {
  return target === undefined
    ? (STORE_CLIENTS[packageOf(specifier)] ?? STORE_CLIENTS[packageOf(specifier).split('/')[0]!])
    : undefined;
}

/** One cycle for each import that closes one, as the files along it. */
function cyclesOf(arrows: readonly Pick<Import, 'file' | 'target'>[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { file, target } of arrows) {
    if (target !== undefined) targets.set(file, [...(targets.get(file) ?? []), target]);
  }
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file]);
    if (path.includes(file) || done.has(file)) return;
    for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of targets.keys()) visit(file, []);
  return cycles;
}

const isTest = (file: string): boolean => file.endsWith('.test.ts') || file.startsWith('tests/');
const isDriver = (path: string | undefined): boolean => /^subgraphs\/[^/]+\/drivers\//.test(path ?? '');
const told = ({ file, specifier }: Import): string => `${file} imports ${specifier}`;

/** The imports of the code itself, which tests may go around. */
const ofCode = imports.filter(({ file }) => !isTest(file));

describe('imports', () => {
  test('no relative path climbs out of its room', () => {
    const climbing = imports.filter(
      ({ file, specifier, target }) => specifier.startsWith('..') && roomOf(target!) !== roomOf(file),
    );
    expect(climbing.map(told)).toEqual([]);
  });

  test('files of the project are named with their ending', () => {
    const bare = imports.filter(({ target }) => target !== undefined && !/\.(ts|mjs|json|graphql)$/.test(target));
    expect(bare.map(told)).toEqual([]);
  });

  test('arrows go one way: ops → gateway → subgraphs', () => {
    const upwards = ofCode.filter(({ file, target }) => {
      const [from, to] = [FLOORS.indexOf(topOf(file)), FLOORS.indexOf(topOf(target ?? ''))];
      return from >= 0 && to >= 0 && to < from;
    });
    expect(upwards.map(told)).toEqual([]);
  });

  test('no file imports itself by way of others, types included', () => {
    expect(cyclesOf(imports).map((cycle) => cycle.join(' → '))).toEqual([]);
    const knot = [
      { file: 'a.ts', target: 'b.ts' },
      { file: 'b.ts', target: 'c.ts' },
      { file: 'c.ts', target: 'b.ts' },
    ];
    expect(cyclesOf(knot)).toEqual([['b.ts', 'c.ts', 'b.ts']]);
  });

  test('a subgraph knows itself and what subgraphs share', () => {
    const strangers = ofCode.filter(({ file, target }) => {
      if (!file.startsWith('subgraphs/') || target === undefined) return false;
      return ![roomOf(file), 'subgraphs/shared'].includes(roomOf(target));
    });
    expect(strangers.map(told)).toEqual([]);
  });

  test('the gateway enters a subgraph by its index where it mounts them, and else knows its bounds only', () => {
    const entering = ofCode.filter(({ file, target }) => {
      if (!file.startsWith('gateway/') || !target?.startsWith('subgraphs/') || target.startsWith('subgraphs/shared/'))
        return false;
      // Its bounds are read where the configuration makes variables of all of them.
      if (roomOf(file) === 'gateway/bounds' && /^subgraphs\/[^/]+\/bounds\.ts$/.test(target)) return false;
      return roomOf(file) !== 'gateway/mount' || !/^subgraphs\/[^/]+\/index\.ts$/.test(target);
    });
    expect(entering.map(told)).toEqual([]);
  });

  test('the rooms of the gateway have no store clients; stores are behind ports', () => {
    const clients = ofCode.filter(
      (found) => found.file.startsWith('gateway/') && roomOf(found.file) !== 'gateway' && storeOf(found),
    );
    expect(clients.map(told)).toEqual([]);
  });

  test('planning, composing and transport do not execute', () => {
    const executing = ofCode.filter(
      ({ file, target }) =>
        ['gateway/plan', 'gateway/supergraph', 'gateway/http'].includes(roomOf(file)) &&
        target?.startsWith('gateway/execute/'),
    );
    expect(executing.map(told)).toEqual([]);
  });

  test('transport parses no tokens', () => {
    const parsing = ofCode.filter(
      ({ file, specifier }) => roomOf(file) === 'gateway/http' && packageOf(specifier) === 'jose',
    );
    expect(parsing.map(told)).toEqual([]);
  });

  test('a driver is chosen by the index of its subgraph and known to nobody else', () => {
    const choosing = ofCode.filter(({ file, target }) => {
      if (!isDriver(target) || (isDriver(file) && roomOf(file) === roomOf(target!))) return false;
      return file !== `${roomOf(target!)}/index.ts`;
    });
    expect(choosing.map(told)).toEqual([]);
  });

  test('a driver has the client of one store, and what is above drivers has none', () => {
    const stores = new Map<string, Set<string>>();
    for (const found of ofCode) {
      const store = storeOf(found);
      if (store) stores.set(found.file, (stores.get(found.file) ?? new Set()).add(store));
    }
    const several = [...stores].filter(([file, clients]) => isDriver(file) && clients.size > 1).map(([file]) => file);
    const above = [...stores.keys()].filter((file) => /^subgraphs\/[^/]+\/(schema\/|driver\.ts$)/.test(file));
    expect({ several, above }).toEqual({ several: [], above: [] });
  });

  test('packages that running needs are dependencies, and all are declared', () => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(
      readFileSync(join(ROOT, 'package.json'), 'utf8'),
    ) as Record<string, object>;
    const undeclared = imports.filter(({ file, specifier, target }) => {
      const name = packageOf(specifier);
      if (
        target !== undefined ||
        specifier.startsWith('node:') ||
        builtinModules.includes(name) ||
        name in dependencies! ||
        name in optionalDependencies!
      )
        return false;
      const running = !isTest(file) && (file.startsWith('gateway/') || file.startsWith('subgraphs/'));
      return running || !(name in devDependencies!);
    });
    expect(undeclared.map(told)).toEqual([]);
  });
});

describe('every subgraph has one shape', () => {
  /** What may stand directly in a subgraph's folder besides folders named after what they do. */
  const FILES = ['index.ts', 'schema.graphql', 'driver.ts', 'loaders.ts', 'input.ts', 'bounds.ts'];
  const folders = readdirSync(join(ROOT, 'subgraphs'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'shared')
    .map(({ name }) => name);

  test.each(folders)('%s', (name) => {
    const entries = readdirSync(join(ROOT, 'subgraphs', name), { withFileTypes: true });
    const has = (path: string): boolean => existsSync(join(ROOT, 'subgraphs', name, path));
    const strangers = entries
      .filter((entry) => entry.isFile() && !FILES.includes(entry.name))
      .map((entry) => entry.name);
    // The schemas of the graph model and of sources are made of the operator's files when the server starts.
    const made = ['graph-model', 'sources'].includes(name);
    const schema = made ? ['schema'] : ['schema/index.ts', 'schema.graphql'];
    const missing = ['index.ts', 'driver.ts', 'drivers', ...schema].filter((path) => !has(path));
    // A driver is a folder named after its store; what stands in where there is none, and what drivers share, are files.
    const drivers = readdirSync(join(ROOT, 'subgraphs', name, 'drivers'), { withFileTypes: true });
    const flat = drivers.filter(
      (entry) => entry.isFile() && /^(postgres|neo4j|qdrant|s3|files|openai|redis)/.test(entry.name),
    );
    expect({ strangers, missing, flat: flat.map((entry) => entry.name) }).toEqual({
      strangers: [],
      missing: [],
      flat: [],
    });
  });
});

test('the environment is read in gateway/config/config.ts, and around the gateway', () => {
  const readers = files.filter((file) => {
    if (isTest(file) || !/^(gateway|subgraphs)\//.test(file) || file === 'gateway/config/config.ts') return false;
    return /\bprocess\s*\.\s*env\b|\benv\b[^;]*from 'node:process'/.test(
      withoutComments(readFileSync(join(ROOT, file), 'utf8')),
    );
  });
  expect(readers).toEqual([]);
});

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, '');
}
