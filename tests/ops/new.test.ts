/**
 * `npm run new`: every skeleton, in a copy of the tree. What it writes compiles and keeps to its room, and its test fails
 * by what is still to be written, and by nothing else.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { newDriver } from '#ops/new/driver.ts';
import { newEvent } from '#ops/new/event.ts';
import { FIELD_TYPES, newField } from '#ops/new/field.ts';
import { objectTypes } from '#ops/new/object-types.ts';
import { writeSkeleton, type Skeleton } from '#ops/new/template.ts';
import { subgraphSchemas } from '#ops/schema.ts';
import { SUBGRAPH_NAMES, type SubgraphName } from '#subgraphs/shared/subgraph.ts';

// The whole project is compiled, linted and tested once more.
vi.setConfig({ testTimeout: 900_000, hookTimeout: 300_000 });

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

const FIELDS: readonly (readonly [subgraph: SubgraphName, type: string, field: string, ...scalar: string[]])[] = [
  ['relational', 'Document', 'language'],
  ['relational', 'MemoryFact', 'weight', 'Int'],
  ['relational', 'Tenant', 'quota', 'Float'],
  ['graph', 'Entity', 'aliases', 'JSON'],
  ['vector', 'VectorCollection', 'normalised', 'Boolean'],
  ['object', 'StoredObject', 'expiresAt', 'DateTime'],
  ['inference', 'Model', 'family', 'ID'],
  ['runs', 'Run', 'label'],
];

let copy: string;
const written: Skeleton[] = [];
const tests = (): string[] =>
  written.flatMap(({ created }) => [...created.keys()]).filter((path) => path.endsWith('.test.ts'));

/** Runs a program of the copy. @returns its exit code and what it says */
async function inCopy(program: string, ...args: string[]): Promise<{ code: number; output: string }> {
  // A vitest inside this one is not a worker of it.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST_|NODE_OPTIONS)/.test(name)),
  );
  try {
    const { stdout, stderr } = await run(process.execPath, [...program.split(' '), ...args], {
      cwd: copy,
      env: { ...env, NO_COLOR: '1' },
      maxBuffer: 64 * 1024 * 1024,
    });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
}

beforeAll(async () => {
  copy = mkdtempSync(join(tmpdir(), 'tributary-new-'));
  for (const entry of readdirSync(ROOT)) {
    if (['.git', '.local-data', 'node_modules', 'shared'].includes(entry)) continue;
    cpSync(join(ROOT, entry), join(copy, entry), {
      recursive: true,
      filter: (path) => !/\/(node_modules|dist)$/.test(path),
    });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'junction');
  const write = async (skeleton: Skeleton): Promise<void> => {
    await writeSkeleton(copy, skeleton);
    written.push(skeleton);
  };
  for (const subgraph of SUBGRAPH_NAMES) await write(await newDriver(copy, [subgraph, 'milvus-lite']));
  for (const words of FIELDS) await write(await newField(copy, words));
  await write(await newEvent(copy, ['LINK_SHARED']));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

test('the fields that are tried are of every subgraph and of every type', () => {
  expect([...new Set(FIELDS.map(([subgraph]) => subgraph))].sort()).toEqual([...SUBGRAPH_NAMES].sort());
  expect([...new Set(FIELDS.map(([, , , type = 'String']) => type))].sort()).toEqual([...FIELD_TYPES].sort());
});

test('a driver has every member of its interface, and is where drivers are', () => {
  const driver = readFileSync(join(copy, 'subgraphs/vector/drivers/milvus-lite/index.ts'), 'utf8');
  expect(driver).toContain('export class MilvusLiteVectors implements VectorDriver');
  expect(driver).toContain("import type { RequestContext } from '#subgraphs/shared/context.ts';");
  expect(driver).toMatch(/async similarToChunks\(\s*_context: RequestContext,/);
});

test('a relational field is a column, with a migration behind the others', () => {
  const migrations = readdirSync(join(copy, 'subgraphs/relational/migrations')).sort().slice(-2);
  expect(migrations.map((name) => name.slice(4))).toEqual(['_document_language.sql', '_memory_fact_weight.sql']);
  const sql = readFileSync(join(copy, 'subgraphs/relational/migrations', migrations[0]!), 'utf8');
  expect(sql).toContain('ALTER TABLE relational.documents ADD COLUMN language text;');
});

test('skeletons compile', async () => {
  expect(await inCopy('node_modules/typescript/lib/tsc.js', '-p', '.', '--pretty', 'false')).toEqual({
    code: 0,
    output: '',
  });
});

test('skeletons are laid out and written as the project is', async () => {
  const files = written.flatMap(({ created, changed }) => [...created.keys(), ...changed.keys()]);
  const sources = [...new Set(files)].filter((path) => path.endsWith('.ts'));
  expect(await inCopy('node_modules/eslint/bin/eslint.js', ...sources)).toEqual({ code: 0, output: '' });
  expect(await inCopy('node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', ...sources)).toEqual({
    code: 0,
    output: '',
  });
});

describe('the tests of skeletons', () => {
  interface Report {
    testResults: { name: string; assertionResults: { status: string; failureMessages: string[] }[] }[];
  }
  let report: Report;
  let output: string;
  beforeAll(async () => {
    const program = 'node_modules/vitest/vitest.mjs run --reporter=default --reporter=json --outputFile=report.json';
    ({ output } = await inCopy(program, 'tests/architecture/rooms.test.ts', ...tests()));
    try {
      report = JSON.parse(readFileSync(join(copy, 'report.json'), 'utf8')) as Report;
    } catch (error) {
      throw new Error(output, { cause: error });
    }
  }, 900_000);
  const resultsOf = (path: string) => report.testResults.find(({ name }) => name.endsWith(path))!.assertionResults;
  const failuresOf = (path: string) => resultsOf(path).filter(({ status }) => status === 'failed');
  /** Why tests of a file fail. A failure before all of them is of no test, and told in the text alone. */
  const why = (path: string): string[] => [
    ...failuresOf(path).map(({ failureMessages }) => failureMessages.join('\n')),
    ...output.split(/⎯\[\d+\/\d+\]⎯/).filter((told) => told.includes(`FAIL  ${path}`)),
  ];

  test('leave the rooms as they are', () => {
    expect(why('tests/architecture/rooms.test.ts')).toEqual([]);
    expect(resultsOf('tests/architecture/rooms.test.ts').length).toBeGreaterThan(5);
  });

  test.each(SUBGRAPH_NAMES)('fail for a driver of %s by the members that are not written', (subgraph) => {
    const messages = why(`tests/contract/${subgraph}-milvus-lite.test.ts`);
    expect(messages[0]).toMatch(
      /MilvusLite: `\w+` is not written yet\. subgraphs\/\w+\/driver\.ts says what it must do/,
    );
    expect(
      messages.filter((message) => /Cannot find|is not a function|SyntaxError|ReferenceError/.test(message)),
    ).toEqual([]);
  });

  test.each(FIELDS)('fail for a field of %s by what is missing: %s.%s', (subgraph, type, field) => {
    const path = tests().find(
      (test) => test.startsWith(`tests/contract/${subgraph}-`) && test.includes(field.toLowerCase().slice(0, 4)),
    )!;
    const messages = why(path).join('\n');
    expect(messages).toMatch(new RegExp(`Describe ${type}\\.${field} in subgraphs/${subgraph}/\\S+, for an agent`));
    expect(messages).toContain('Run `npm run schema`, and commit what it prints.');
    expect(messages).toMatch(new RegExp(`(Have|Resolve) ${type}\\.${field} .*write a value here as a caller would`));
    expect(failuresOf(path)).toHaveLength(3);
  });

  test('fail for an event by what is missing, and it is appended and read already', () => {
    const messages = why('tests/contract/runs-event-link-shared.test.ts').join('\n');
    expect(messages).toContain('Describe LINK_SHARED in subgraphs/runs/events/event-types.ts');
    expect(messages).toContain(
      'Say in subgraphs/runs/events/event-schemas.ts what the payload of LINK_SHARED must have',
    );
    expect(failuresOf('tests/contract/runs-event-link-shared.test.ts')).toHaveLength(2);
  });

  test('still compose', async () => {
    const { code, output } = await inCopy('--import tsx ops/schema.ts');
    expect({ code, output }).toEqual({
      code: 0,
      output: expect.stringContaining('subgraphs/runs/schema.graphql') as string,
    });
    expect(readFileSync(join(copy, 'gateway/supergraph/api.graphql'), 'utf8')).toMatch(/^ {2}language: String$/m);
  });
});

describe('the command', () => {
  const command = (...words: string[]) => inCopy('--import tsx ops/new.ts', ...words);

  test('tells its words', async () => {
    expect((await command('--help')).output).toMatch(
      /driver vector milvus[^]*field relational Document language[^]*event LINK_SHARED/,
    );
    expect((await command()).code).toBe(2);
  });

  test.each([
    ['nonsense', [], /There is no skeleton "nonsense"/],
    ['driver', ['sql', 'x'], /There is no subgraph "sql"\. There are: relational, graph/],
    ['driver', ['vector', 'qdrant'], /vector has a driver qdrant already/],
    ['driver', ['vector', '../../x'], /small letters, digits and hyphens/],
    ['field', ['relational', 'Documnt', 'x'], /defines no type Documnt .* It defines: .*Document/],
    ['field', ['relational', 'Document', 'title'], /Document\.title is there already/],
    ['field', ['relational', 'Document', 'x', 'Money'], /There is no type Money to begin with/],
    ['event', ['RUN_ERROR'], /RUN_ERROR is there already/],
    ['event', ['linkShared'], /in capitals/],
  ])('refuses %s %s, and says why', async (kind, words, message) => {
    const { code, output } = await command(kind, ...words);
    expect(code).toBe(1);
    expect(output).toMatch(message);
    expect(output).not.toMatch(/^\s+at /m);
  });
});

test('every object type that a subgraph describes by itself can be given a field', async () => {
  // What shared code and tables make has its fields there: pages, payloads, groups of rows, shared values, and the types of events.
  const made =
    /(Connection|Edge|Event|Payload|Aggregate|Group(Distinct|Keys|Numbers|Percentiles|Values)?)$|^(PageInfo|Query|Mutation|Subscription|_Service)$|^__/;
  for (const [subgraph, schema] of Object.entries(await subgraphSchemas())) {
    const known = (await objectTypes(ROOT, subgraph)).map(({ type }) => type);
    const described = Object.values(schema.getTypeMap())
      .filter(isObjectType)
      .map(({ name }) => name);
    expect({ subgraph, missing: described.filter((name) => !made.test(name) && !known.includes(name)) }).toEqual({
      subgraph,
      missing: [],
    });
  }
});
