/**
 * The skeletons of `npm run new`, in a copy of the tree: they compile and keep to their rooms, and their tests fail by what is
 * still to be written, and by nothing else.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FIELDS, skeletonTree, type SkeletonTree } from '#tests/ops/skeletons.ts';
import { SUBGRAPH_NAMES } from '#subgraphs/shared/subgraph.ts';

// The whole project is compiled, linted and tested once more.
vi.setConfig({ testTimeout: 900_000, hookTimeout: 300_000 });

let tree: SkeletonTree;
beforeAll(async () => {
  tree = await skeletonTree();
});
afterAll(() => tree?.[Symbol.dispose]());
const tests = (): string[] =>
  tree.written.flatMap(({ created }) => [...created.keys()]).filter((path) => path.endsWith('.test.ts'));

test('skeletons compile', async () => {
  expect(await tree.run('node_modules/typescript/lib/tsc.js', '-p', '.', '--pretty', 'false')).toEqual({
    code: 0,
    output: '',
  });
});

test('skeletons are laid out and written as the project is', async () => {
  const files = tree.written.flatMap(({ created, changed }) => [...created.keys(), ...changed.keys()]);
  const sources = [...new Set(files)].filter((path) => path.endsWith('.ts'));
  expect(await tree.run('node_modules/eslint/bin/eslint.js', ...sources)).toEqual({ code: 0, output: '' });
  expect(
    await tree.run('node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', ...sources),
  ).toEqual({
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
    ({ output } = await tree.run(program, 'tests/architecture/rooms.test.ts', ...tests()));
    try {
      report = JSON.parse(readFileSync(join(tree.path, 'report.json'), 'utf8')) as Report;
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
    const { code, output } = await tree.run('--import tsx ops/schema.ts');
    expect({ code, output }).toEqual({
      code: 0,
      output: expect.stringContaining('subgraphs/runs/schema.graphql') as string,
    });
    expect(readFileSync(join(tree.path, 'gateway/supergraph/api.graphql'), 'utf8')).toMatch(/^ {2}language: String$/m);
  });
});
