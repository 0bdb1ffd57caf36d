/** How agents find their way in (RFC 9728), and how far their tokens go. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resourceMetadata } from '#gateway/agents/mcp/resource-metadata.ts';
import { createListener } from '#gateway/http/listener.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { replaceFile, startTestServer, supergraphYaml, type TestServer } from './fixture.ts';
import { startIssuer, type Issuer } from './issuer.ts';
import { http, mcp, mcpExecute } from './ways-in.ts';

let issuer: Issuer;
let it: TestServer;
beforeAll(async () => {
  issuer = await startIssuer();
  it = await startTestServer({
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'tributary',
    SUBGRAPH_FORWARD_HEADERS: 'authorization, x-user',
  });
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
});

const ask = (headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${it.url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(mcpExecute(1, { query: '{ whoAmI { tenantId } }' })),
  });

test('a client of the protocol is led from its 401 to the issuer', async () => {
  const refused = await ask();
  expect(refused.status).toBe(401);
  const { resourceMetadataUrl } = extractWWWAuthenticateParams(refused);
  expect(String(resourceMetadataUrl)).toBe(`${it.url}/.well-known/oauth-protected-resource/mcp`);
  const found = await discoverOAuthProtectedResourceMetadata(`${it.url}/mcp`, { resourceMetadataUrl });
  expect(found).toMatchObject({ resource: `${it.url}/mcp`, authorization_servers: [issuer.url] });
  // And by itself, without the header.
  expect(await discoverOAuthProtectedResourceMetadata(`${it.url}/mcp`)).toEqual(found);
});

test('clients that ask for no path are told of the server', async () => {
  const { status, text } = await http(it.url, '/.well-known/oauth-protected-resource', 'GET', {});
  expect([status, JSON.parse(text)]).toEqual([
    200,
    expect.objectContaining({ resource: it.url, authorization_servers: [issuer.url] }),
  ]);
});

test('what a 401 says is wrong is the token only where one was sent, and its text adds nothing to the header', async () => {
  const address = `resource_metadata="${it.url}/.well-known/oauth-protected-resource/mcp"`;
  expect((await ask()).headers.get('www-authenticate')).toBe(`Bearer ${address}`);
  for (const authorization of ['Bearer a", resource_metadata="https://evil.example', 'Bearer x.y.z', 'Basic eA==']) {
    const refused = await ask({ authorization, 'x-forwarded-host': 'evil.example' });
    expect(refused.headers.get('www-authenticate')).toBe(`Bearer error="invalid_token", ${address}`);
    expect(await refused.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  }
  const elsewhere = await issuer.token({ tenant: 'acme', aud: `https://other.example/mcp` });
  expect((await ask({ authorization: `Bearer ${elsewhere}` })).status).toBe(401);
});

test.each([
  ['POST', '/.well-known/oauth-protected-resource', 405],
  ['GET', '/.well-known/oauth-protected-resource/graphql', 404],
  ['GET', '/.well-known/oauth-protected-resourcemcp', 404],
  ['GET', '/.well-known/oauth-protected-resource/mcp/', 404],
  ['GET', '/.well-known/oauth-authorization-server', 404],
])('%s %s is %i', async (method, path, status) => {
  expect((await http(it.url, path, method, {})).status).toBe(status);
});

test('behind a path of a proxy the well-known part stands before it, with that path and without', async () => {
  const { handler, explain } = resourceMetadata(() => 'https://api.example.com/graph', 'https://id.example.com');
  const listener = createListener([handler], loadConfig({}).bounds.http, createLogger({ level: 'silent' }));
  const url = `http://127.0.0.1:${await listener.listen('127.0.0.1', 0)}`;
  try {
    for (const path of ['/graph/mcp', '/mcp', '/graph', '']) {
      const { text } = await http(url, `/.well-known/oauth-protected-resource${path}`, 'GET', {});
      expect(JSON.parse(text)).toMatchObject({
        resource: `https://api.example.com/graph${path.endsWith('/mcp') ? '/mcp' : ''}`,
      });
    }
    const other = new Error('x');
    expect(explain(other, undefined)).toBe(other);
  } finally {
    await listener.close(0);
  }
});

describe('the token of an agent', () => {
  test("goes no further than here, even where clients' `authorization` is passed on", async () => {
    const seen: [string | undefined, string | undefined][] = [];
    const remote = createServer((request, response) => {
      seen.push([request.headers.authorization, request.headers['x-user'] as string | undefined]);
      request.resume();
      response.setHeader('content-type', 'application/json').end('{"data":{"far":"away"}}');
    }).listen(0, '127.0.0.1');
    await once(remote, 'listening');
    try {
      await writeFile(join(it.folder, 'far.graphql'), 'type Query { far: String }');
      const { port } = remote.address() as AddressInfo;
      await replaceFile(
        join(it.folder, 'supergraph.yaml'),
        supergraphYaml(`  far:\n    routing_url: http://127.0.0.1:${port}/\n    schema: { file: far.graphql }\n`),
      );
      await it.server.supergraph.reload();
      const authorization = `Bearer ${await issuer.token({ tenant: 'acme' })}`;
      // The positive control: this is how it is passed on.
      await it.post({ query: '{ far }' }, { authorization, 'x-user': 'ann' });
      const { text } = await mcp(it.url, mcpExecute(1, { query: '{ far }' }), authorization);
      expect(text).toContain('away');
      expect(seen).toEqual([
        [authorization, 'ann'],
        [undefined, undefined],
      ]);
    } finally {
      remote.closeAllConnections();
      remote.close();
    }
  });
});

test('in development mode, where nobody signs in, there is nothing to find', async () => {
  await using open = await startTestServer();
  expect((await http(open.url, '/.well-known/oauth-protected-resource/mcp', 'GET', {})).status).toBe(404);
});
