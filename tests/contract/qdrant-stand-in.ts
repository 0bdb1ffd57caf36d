/**
 * A stand-in that replays exchanges recorded from a Qdrant 1.19 server, and holds each request against what that server
 * accepted: the route, the body's keys, the tenant in every filter, `wait=true` on writes, `exact` and `idf` where they
 * are needed. A fault in the request is the answer 418, which no driver expects. It ranks nothing: what only an index can
 * show is in tests/stores/qdrant.test.ts.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';

import exchanges from './fixtures/qdrant-exchanges.json' with { type: 'json' };

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
interface Exchange {
  name: string;
  request: { method: string; path: string; body: Json };
  response: { status: number; headers?: Record<string, string>; body: Json };
}
const RECORDED = exchanges as unknown as Exchange[];

export interface Received {
  method: string;
  path: string;
  body: any; // eslint-disable-line @typescript-eslint/no-explicit-any -- whatever the driver sent
  headers: Record<string, string | string[] | undefined>;
}

export const recorded = (name: string): Exchange['response'] => {
  const found = RECORDED.find((exchange) => exchange.name === name);
  if (found === undefined) throw new Error(`No exchange is recorded as ${name}.`);
  return structuredClone(found.response);
};

const route = (method: string, path: string) => `${method} ${path.replace(/\/collections\/[^/?]+/, '/collections/*')}`;

/**
 * The keys that the server accepted in bodies of this route. Beyond the recorded ones: those of the client's generated
 * types.
 */
const GENERATED: Record<string, string[]> = {
  'PUT /collections/*': [
    'metadata',
    'hnsw_config',
    'strict_mode_config',
    'on_disk_payload',
    'sparse_vectors',
    'vectors',
  ],
};
function keysOf(wanted: string): Set<string> {
  const keys = new Set(GENERATED[wanted] ?? []);
  for (const { request, response } of RECORDED) {
    if (response.status === 200 && route(request.method, request.path) === wanted)
      for (const key of Object.keys((request.body as object) ?? {})) keys.add(key);
  }
  return keys;
}

/** What is wrong with a request; undefined where the recorded server would have taken it. */
function fault({ method, path, body }: Received, tenant: string): string | undefined {
  const wanted = route(method, path);
  if (!RECORDED.some(({ request }) => route(request.method, request.path) === wanted)) return `unknown route ${wanted}`;
  for (const key of Object.keys(body ?? {})) if (!keysOf(wanted).has(key)) return `unknown key ${key} in ${wanted}`;
  if (/\/points(\/delete|\/batch)?\?/.test(path) && !path.includes('wait=true')) return 'a write without wait=true';
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON
  const filtered = (holder: any, what: string): string | undefined => {
    const must: Json[] = holder.filter?.must ?? [];
    const own = must.filter((each: any) => each.key === 'tenant' && each.match?.value === tenant); // eslint-disable-line @typescript-eslint/no-explicit-any -- JSON
    return own.length === 1 ? undefined : `${what} without the tenant in must`;
  };
  if (path.endsWith('/points/query/batch')) {
    for (const search of body.searches) {
      const wrong = filtered(search, 'a search');
      if (wrong) return wrong;
      const { must, must_not: mustNot } = search.filter;
      if (search.query.indices !== undefined) {
        if (new Set(search.query.indices).size !== search.query.indices.length) return 'repeated sparse indices';
        // 1.19: how rare words are is counted among the tenant's own points.
        if (!isDeepStrictEqual(search.params?.idf?.corpus, { must: [{ key: 'tenant', match: { value: tenant } }] }))
          return 'words that are not counted within the tenant';
      } else if ((must.length > 1 || mustNot !== undefined) && search.params?.exact !== true)
        return 'a search by meaning with conditions beyond the tenant that is not exact';
    }
  }
  if (/\/points\/(scroll|count)|\/facet/.test(path)) return filtered(body, path);
  if (path.includes('/points/delete') && body.points === undefined) return filtered(body, 'a delete');
  return undefined;
}

/**
 * Starts it.
 * @param answer picks the answer to a request that is in order
 * @param version what it says it is. Default: the recorded server's
 */
export async function standIn(
  tenant: string,
  answer: (request: Received) => Exchange['response'] | 'hang up' | 'silence',
  version?: string,
) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      // Every driver asks for the version first; it is no part of what tests look at.
      if (request.method === 'GET' && request.url === '/')
        return void response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ ...(recorded('root').body as object), ...(version === undefined ? {} : { version }) }));
      const text = Buffer.concat(chunks).toString();
      const each: Received = {
        method: request.method!,
        path: request.url!,
        body: text === '' ? null : JSON.parse(text),
        headers: request.headers,
      };
      received.push(each);
      const wrong = fault(each, tenant);
      const answered = wrong === undefined ? answer(each) : { status: 418, body: wrong };
      if (answered === 'hang up') return void request.socket.destroy();
      if (answered === 'silence') return;
      const json = typeof answered.body === 'string' ? answered.body : JSON.stringify(answered.body);
      response.writeHead(answered.status, {
        'content-type': typeof answered.body === 'string' ? 'text/plain' : 'application/json',
        ...('headers' in answered ? answered.headers : {}),
      });
      response.end(json);
    });
  });
  // On a busy machine a connection would be closed between two requests of one test, in the middle of the second.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
