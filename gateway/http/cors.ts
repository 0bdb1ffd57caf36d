/** The first handlers of a request: who may ask, and what pages of other origins may read (CORS, Fetch standard). */
import type { Handler } from './exchange.ts';
import type { RequestGuard } from './request-guard.ts';

const ALLOWED_HEADERS =
  'authorization, content-type, accept, x-request-id, mcp-session-id, mcp-protocol-version, last-event-id';

/** Refuses foreign hosts and origins; answers preflights of those that are allowed. */
export const guardRequests =
  (guard: RequestGuard): Handler =>
  ({ request, response }) => {
    const { origin } = request.headers;
    response.setHeader('vary', 'Origin');
    guard.check(request);
    if (origin !== undefined && guard.allowsCrossOrigin(origin)) {
      response.setHeader('access-control-allow-origin', origin);
      response.setHeader('access-control-expose-headers', 'x-request-id, retry-after, mcp-session-id');
    }
    if (request.method !== 'OPTIONS') return false;
    response.writeHead(204, {
      ...(origin === undefined
        ? {}
        : {
            'access-control-allow-methods': 'GET, POST, PUT, DELETE',
            'access-control-allow-headers': ALLOWED_HEADERS,
            'access-control-max-age': '600',
          }),
      allow: 'GET, POST, OPTIONS',
    });
    response.end();
    return true;
  };
