/** What a policy and a list of operations refuse is told to the audit log, on every way in, once, and with nothing of what was sent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RefusedAction } from '#subgraphs/shared/ports.ts';
import { LIBRARY_SDL, librarySubgraph, Library, replaceFile, startTestServer, type TestServer } from './fixture.ts';
import { http, mcp, mcpExecute, WAYS_IN, type Says } from './ways-in.ts';

/** Everybody is who the proxy says. */
const PROXY = {
  TRUSTED_PROXIES: '127.0.0.1',
  FORWARD_AUTH_USER_HEADER: 'remote-user',
  FORWARD_AUTH_TENANT_HEADER: 'remote-tenant',
  MAX_BATCH_OPERATIONS: '10',
  AUDIT_REFUSALS_WINDOW_MS: '3600000',
};
const as = (user: string): Record<string, string> => ({ 'remote-user': user, 'remote-tenant': 'acme' });
const SECRET = 'a-secret-of-the-caller';

interface Written extends RefusedAction {
  readonly tenantId: string;
}

/** A server whose audit log is a list: it is all there once the server is closed. */
async function startAudited(env: Record<string, string>): Promise<{ it: TestServer; written: Written[] }> {
  const written: Written[] = [];
  const it = await startTestServer({ ...PROXY, ...env }, {}, async () => ({
    ...librarySubgraph(new Library()),
    name: 'relational',
    provides: {
      auditSink: {
        changed: () => Promise.resolve(),
        refused: async ({ principal: { tenantId } }, actions) =>
          void written.push(...actions.map((action) => ({ ...action, tenantId }))),
      },
    },
  }));
  return { it, written };
}
/** What was written, by whom and what: what was counted after an entry was written is another, however long the test takes. */
function told(written: readonly Written[]): unknown[] {
  const counts = new Map<string, number>();
  for (const { tenantId, subject, action, code, count } of written) {
    const key = JSON.stringify([tenantId, subject, action, code]);
    counts.set(key, (counts.get(key) ?? 0) + count);
  }
  return [...counts].map(([key, count]) => [...(JSON.parse(key) as string[]), count]).sort();
}

const names = Object.keys(WAYS_IN);
const subject = (name: string): string => name.replaceAll(' ', '-');

const decider = createServer((request, response) => {
  request.resume().on('end', () => response.end('{"result": {}}'));
});
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-refused-'));
  await writeFile(join(folder, 'web.json'), JSON.stringify({ count: '{ reviewCount }' }));
  await new Promise<void>((resolve) => decider.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  decider.closeAllConnections();
  await new Promise((resolve) => decider.close(resolve));
});

test('a policy', async () => {
  const { it, written } = await startAudited({
    POLICY_URL: `http://127.0.0.1:${(decider.address() as AddressInfo).port}/v1/data/tributary`,
  });
  await replaceFile(
    join(it.folder, 'library.graphql'),
    LIBRARY_SDL.replace('import: ["@key"]', 'import: ["@key", "@policy"]').replace(
      'any: [In!]): String',
      'any: [In!]): String @policy(policies: [["staff"]])',
    ),
  );
  await it.server.supergraph.reload();
  expect(it.server.supergraph.failure).toBeUndefined();
  const query = `{ mine: echo(text: "${SECRET}") again: echo ...F reviewCount } fragment F on Query { third: echo }`;
  for (const [name, send] of Object.entries(WAYS_IN)) {
    const { answer } = await send(it.url, { query }, as(subject(name)));
    expect(answer.errors![0]!.extensions['code']).toBe('FORBIDDEN');
  }
  await it.post([{ query }, { query }], as('batch'));
  await it[Symbol.asyncDispose]();
  expect(told(written)).toEqual(
    [
      ...names.map((name) => ['acme', subject(name), 'Query.echo', 'FORBIDDEN', 1]),
      // One for each operation.
      ['acme', 'batch', 'Query.echo', 'FORBIDDEN', 2],
    ].sort(),
  );
  expect(JSON.stringify(written)).not.toContain(SECRET);
});

test.each([
  ['only', 'QUERY_NOT_IN_SAFELIST'],
  ['only-ids', 'PERSISTED_QUERY_ID_REQUIRED'],
])('a list, where the mode is %s', async (mode, code) => {
  const { it, written } = await startAudited({ PERSISTED_OPERATIONS: folder, PERSISTED_OPERATIONS_MODE: mode });
  const query = `query A { echo(text: "${SECRET}") }`;
  for (const [name, send] of Object.entries(WAYS_IN)) {
    const { answer } = await send(it.url, { query }, as(subject(name)));
    expect(answer.errors![0]!.extensions['code']).toBe(code);
  }
  await it.post([{ query }, { documentId: 'count' }, { query: `${query} #` }], as('batch'));
  // Ids that are not listed, and what the schema has.
  for (const documentId of ['nope', `${SECRET}\n{"level":"fatal"}`, '__proto__'])
    await it.post({ documentId }, as('guesses'));
  await http(it.url, '/graphql?documentId=nope', 'GET', as('guesses'));
  const search = { name: 'search_schema', arguments: { query: SECRET } };
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: search };
  expect((await mcp(it.url, call, as('explores'))).text).toContain('QUERY_NOT_IN_SAFELIST');
  // What is not refused is not told: what is listed, and what cannot be read.
  const quiet: Says = as('quiet');
  expect((await it.post({ documentId: 'count' }, quiet)).json).toEqual({ data: { reviewCount: 3 } });
  await it.post('{', quiet);
  await it[Symbol.asyncDispose]();
  expect(told(written)).toEqual(
    [
      ...names.map((name) => ['acme', subject(name), 'operation', code, 1]),
      ['acme', 'batch', 'operation', code, 2],
      ['acme', 'guesses', 'operation', 'PERSISTED_QUERY_NOT_IN_LIST', 4],
      ['acme', 'explores', 'search_schema', 'QUERY_NOT_IN_SAFELIST', 1],
    ].sort(),
  );
  expect(JSON.stringify(written)).not.toContain(SECRET);
  expect(it.log.join('\n')).not.toContain(SECRET);
});

test('a flood by many callers is a few entries, and one for the rest', async () => {
  const { it, written } = await startAudited({
    PERSISTED_OPERATIONS: folder,
    PERSISTED_OPERATIONS_MODE: 'only',
    AUDIT_REFUSALS: '5',
  });
  for (let at = 0; at < 20; at++) await it.post({ query: `query Q${at} { echo }` }, as(`user-${at}`));
  const batch = Array.from({ length: 3 }, (_, id) => mcpExecute(id, { query: '{ echo }' }));
  await mcp(it.url, batch, as('user-0'));
  await it[Symbol.asyncDispose]();
  expect(told(written)).toEqual(
    [
      ...[1, 2, 3, 4].map((at) => ['acme', `user-${at}`, 'operation', 'QUERY_NOT_IN_SAFELIST', 1]),
      ['acme', 'user-0', 'operation', 'QUERY_NOT_IN_SAFELIST', 4],
      ['acme', 'system:audit', 'others', 'RATE_LIMITED', 15],
    ].sort(),
  );
});
