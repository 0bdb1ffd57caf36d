/** What a person before a terminal is told by a start that cannot succeed, and in what form a server speaks. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSchema, parse, validate } from 'graphql';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLogger, type LoggerOptions } from '#gateway/telemetry/logger.ts';
import { firstQuery } from '#ops/serve/first-query.ts';
import { createTestDatabase } from '#tests/setup/postgres.ts';
import { cleanEnvironment, startProgram, type Program } from './program.ts';

const START = fileURLToPath(new URL('../../ops/start.mjs', import.meta.url));
const RECONCILE = fileURLToPath(new URL('../../ops/reconcile.ts', import.meta.url));

let dataDir: string;

beforeEach(() => {
  dataDir = join(mkdtempSync(join(tmpdir(), 'tributary-test-')), 'data');
});

afterEach(() => {
  rmSync(join(dataDir, '..'), { recursive: true, force: true });
});

const start = (env: NodeJS.ProcessEnv, ...args: string[]) =>
  startProgram(process.execPath, [START, ...args], { env: cleanEnvironment({ DATA_DIR: dataDir, ...env }) });

test('each fault of the configuration is told once, without a trace', async () => {
  using program = start({ PORT: 'abc', LOG_LEVEL: 'loud' });
  expect(await program.exited()).toBe(1);
  expect(program.output.match(/PORT must be a whole number/g)).toHaveLength(1);
  expect(program.output.match(/LOG_LEVEL/g)).toHaveLength(1);
  expect(program.output).toMatch(/^The configuration has 2 faults:\n {2}- .*\n {2}- .*\n$/);
  expect(existsSync(dataDir)).toBe(false);
});

test('a taken port is told before a store is started, with what to do', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  try {
    using program = start({ HOST: '127.0.0.1', PORT: String(port) });
    expect(await program.exited()).toBe(1);
    expect(program.output).toBe(
      `listen EADDRINUSE: address already in use 127.0.0.1:${port}\nSomething listens there already. Stop it, or set PORT.\n`,
    );
    expect(existsSync(dataDir)).toBe(false);
  } finally {
    taken.close();
  }
});

test('a database that does not answer is told by the variable that names it', async () => {
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, 'close');
  using program = start({ DATABASE_URL: `postgres://a:b@127.0.0.1:${port}/x`, HOST: '127.0.0.1', PORT: '0' });
  expect(await program.exited()).toBe(1);
  expect(program.output).toContain('PostgreSQL cannot be reached.');
  expect(program.output).toContain('DATABASE_URL');
  expect(program.output).not.toMatch(/^ +at /m);
}, 90_000);

test.each(['--help', '-h'])(
  '%s says how it is used, before anything is installed or made',
  async (option) => {
    using program = start({}, option);
    expect(await program.exited()).toBe(0);
    expect(program.output).toMatch(/^Usage: npm start[^]*--no-demo[^]*--workers[^]*docs\/configuration\.md[^]*PORT=/);
    expect(existsSync(dataDir)).toBe(false);
  },
  60_000,
);

test('an option that there is not is told with those that there are', async () => {
  using program = start({}, '--no-demos');
  expect(await program.exited()).toBe(1);
  expect(program.output).toMatch(/'--no-demos'[^]*Usage: npm start[^]*--no-demo /);
}, 90_000);

test('reconcile works beside a server on the embedded store; a demo of an earlier start is told', async () => {
  const env = { HOST: '127.0.0.1', PORT: '0', RUN_LIBRARIAN: 'false', MAX_DEPTHS: '3' };
  const ready = async (program: Program): Promise<string> =>
    await vi.waitUntil(() => /GraphiQL +(\S+)/.exec(program.output)?.[1], { timeout: 120_000 });
  {
    using program = start(env, '--no-demo');
    const url = await ready(program);
    expect(program.output).toContain('was MAX_DEPTH meant?');
    const input = { title: 'A', source: 'a.md', collection: 'demo', mediaType: 'text/markdown', text: 'Of quokkas.' };
    const query =
      'mutation ($input: UpsertDocumentInput!) { upsertDocument(input: $input) { document { collection } } }';
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables: { input } }),
    });
    expect(await response.json()).toEqual({ data: { upsertDocument: { document: { collection: 'demo' } } } });
    using reconcile = startProgram(process.execPath, ['--import', 'tsx', RECONCILE, '--mend'], {
      cwd: join(RECONCILE, '../..'),
      env: cleanEnvironment({ DATA_DIR: dataDir, LOG_LEVEL: 'warn' }),
    });
    expect({ code: await reconcile.exited(), output: reconcile.output }).toEqual({
      code: 0,
      output: expect.stringContaining('1 document of 1 tenant') as string,
    });
    program.child.kill('SIGTERM');
    expect(await program.exited()).toBe(0);
    expect(program.output).toMatch(/"Stopped\."\}\n$/);
  }
  using again = start(env, '--no-demo');
  await ready(again);
  await vi.waitUntil(() => /"documents":1,.*npm run demo -- --remove/.test(again.output), { timeout: 30_000 });
  again.child.kill('SIGTERM');
  expect(await again.exited()).toBe(0);
}, 360_000);

test('--no-demo begins without the demo', async () => {
  await using database = await createTestDatabase();
  using program = start(
    { DATABASE_URL: database.url, HOST: '127.0.0.1', PORT: '0', RUN_LIBRARIAN: 'false' },
    '--no-demo',
  );
  const url = await vi.waitUntil(() => /Health +(\S+)/.exec(program.output)?.[1], { timeout: 60_000 });
  expect(program.output).not.toContain('npm run demo');
  const { progress } = (await (await fetch(url)).json()) as { progress: object };
  expect(progress).not.toHaveProperty('ingestion');
  program.child.kill('SIGTERM');
  expect(await program.exited()).toBe(0);
}, 90_000);

test.each<[LoggerOptions['format'], boolean, RegExp]>([
  ['auto', false, /^\{"level":"warn","time":"[^"]+","store":"neo4j","msg":"It is down\."\}\n$/],
  [
    'auto',
    true,
    // eslint-disable-next-line no-control-regex -- the colours of a terminal
    /^\[\d\d:\d\d:\d\d\] \x1b\[33mWARN\x1b\[39m: \x1b\[36mIt is down\.\x1b\[39m \x1b\[90m\{"store":"neo4j"\}\x1b\[39m\n$/,
  ],
  ['json', true, /^\{"level":"warn"/],
  ['text', false, /^\[\d\d:\d\d:\d\d\] WARN: It is down\. \{"store":"neo4j"\}\n$/],
])('the log speaks to people on a terminal and JSON elsewhere (%s, terminal: %s)', (format, isTTY, expected) => {
  let written = '';
  const log = createLogger({ level: 'info', format, destination: { isTTY, write: (line) => void (written += line) } });
  log.warn({ store: 'neo4j', password: 'canary' }, 'It is down.');
  // A secret is no more for people than for programs.
  expect(written).not.toContain('canary');
  expect(written.replace(/,?"password":"\[redacted\]"/, '')).toMatch(expected);
});

test.each([
  [
    'type Query { me(id: ID!): User users(first: Int! = 10): [User!]! } type User { id: ID! name: String friends: [User] }',
    '{ users { __typename id name } }',
  ],
  ['type Query { now: String }', '{ now }'],
  ['type Query { me(id: ID!): String }', '{ __schema { queryType { fields { name description } } } }'],
])('the query that a start suggests is one that the API answers: %s', (sdl, query) => {
  const schema = buildSchema(sdl);
  expect(firstQuery(schema)).toBe(query);
  expect(validate(schema, parse(query))).toEqual([]);
});
