/** What the deployment's settings make of a remote subgraph's client. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parse } from 'graphql';
import { afterEach, expect, test } from 'vitest';
import { internalTokens } from '#gateway/auth/internal-token.ts';
import { clientOf } from '#gateway/mount/clients.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { settingsOf, settingsOfOwn } from '#gateway/config/remote-subgraphs.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function far(env: Record<string, string>): Promise<{ client: SubgraphClient; seen: IncomingHttpHeaders[] }> {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response: ServerResponse) => {
    seen.push(request.headers);
    response.end('{"data":{"a":1}}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const routingUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
  const client = clientOf(
    { name: 'far', routingUrl, schema: { url: routingUrl } },
    { mounted: new Map(), apart: {}, tokens: internalTokens('x'.repeat(32)), remote: loadConfig(env).remoteSubgraphs },
  );
  closing.push(
    () => void server.close(),
    () => client.close(),
  );
  return { client, seen };
}

const document = parse('{ a }');
/** Asks for two callers at once, who differ in their requests' headers. */
const askTwice = (client: SubgraphClient, ...headers: [Record<string, string>, Record<string, string>]) =>
  Promise.all(
    headers.map((given, index) => {
      const context = createRequestContext(
        { tenantId: 't', subject: 'ann', roles: [], scopes: [] },
        { headers: given, requestId: `r${index}` },
      );
      return client.execute({ document, operationType: 'query', variables: {}, context });
    }),
  );
const trace = (digit: string) => ({ traceparent: `00-${digit.repeat(32)}-${digit.repeat(16)}-01` });

test('equal queries under way are sent once, whatever follows them', async () => {
  const { client, seen } = await far({});
  await askTwice(client, trace('a'), trace('b'));
  expect(seen).toMatchObject([{ ...trace('a'), 'x-request-id': 'r0' }]);
});

test('they are not shared between callers whose passed-on headers differ', async () => {
  const { client, seen } = await far({ SUBGRAPH_FORWARD_HEADERS: 'authorization' });
  await askTwice(client, { authorization: 'Bearer a', ...trace('a') }, { authorization: 'Bearer b' });
  expect(seen.map(({ authorization }) => authorization).sort()).toEqual(['Bearer a', 'Bearer b']);
  for (const headers of seen) expect(headers).not.toHaveProperty('traceparent');
});

test('they are sent as often as they are asked where the deployment says so', async () => {
  const { client, seen } = await far({ SUBGRAPH_FAR_DEDUPLICATE: 'false' });
  await askTwice(client, {}, {});
  expect(seen).toHaveLength(2);
});

test('one of our own has longer than an operation, so that it says itself which store is too slow', () => {
  const waits = (env: Record<string, string>): number[] => {
    const { remoteSubgraphs } = loadConfig({ REQUEST_TIMEOUT_MS: '2000', ...env });
    return [settingsOf(remoteSubgraphs, 'far').timeoutMs, settingsOfOwn(remoteSubgraphs, 'object').timeoutMs];
  };
  expect(waits({})).toEqual([2_000, 3_000]);
  expect(waits({ SUBGRAPH_TIMEOUT_MS: '500' })).toEqual([500, 500]);
  expect(waits({ SUBGRAPH_OBJECT_TIMEOUT_MS: '700' })).toEqual([2_000, 700]);
});
