/** The first handlers of a request: who may ask, and what pages of other origins may read (CORS, Fetch standard). */
import type { Exchange, Handler } from './exchange.ts';
import type { RequestGuard } from './request-guard.ts';

export interface CorsOptions {
  /** Headers that pages of other origins may send, in lower case; `x-*` for all that begin so. */
  readonly corsHeaders: readonly string[];
  /** Whether these pages may send and read with the browser's own credentials (cookies of a proxy, client certificates). */
  readonly corsCredentials: boolean;
}

/** Headers of answers that pages of other origins may read; those of downloads are what viewers of large files go by. */
const EXPOSED = [
  'x-request-id, retry-after, ratelimit, ratelimit-policy, mcp-session-id, www-authenticate',
  'accept-ranges, content-location, content-range, content-disposition, etag, last-modified',
].join(', ');

/** Refuses foreign hosts and origins; answers preflights of those that are allowed. */
export function guardRequests(guard: RequestGuard, options: CorsOptions): Handler {
  return ({ request, response }) => {
    const { origin } = request.headers;
    response.setHeader('vary', 'Origin');
    const allowed = origin !== undefined && guard.allowsCrossOrigin(origin);
    // One who is refused may read why, where it helps: the answer holds nothing else. For that its preflight must pass.
    if (origin !== undefined && !allowed && guard.explainsRefusals && guard.knowsHost(request.headers.host)) {
      response.setHeader('access-control-allow-origin', origin);
      if (request.method === 'OPTIONS' && isPreflight(request)) return answerPreflight({ request, response }, options);
    }
    guard.check(request);
    if (allowed) {
      response.setHeader('access-control-allow-origin', origin);
      response.setHeader('access-control-expose-headers', EXPOSED);
      if (options.corsCredentials) response.setHeader('access-control-allow-credentials', 'true');
    }
    if (request.method !== 'OPTIONS') return false;
    if (origin === undefined) {
      response.writeHead(204, { allow: METHODS }).end();
      return true;
    }
    // A page on the internet that asks for a server in a private network (Chrome): its origin was allowed by name.
    if (allowed && request.headers['access-control-request-private-network'] === 'true')
      response.setHeader('access-control-allow-private-network', 'true');
    return answerPreflight({ request, response }, options);
  };
}

const METHODS = 'GET, HEAD, POST, OPTIONS';

const isPreflight = ({ headers }: Exchange['request']): boolean =>
  headers['access-control-request-method'] !== undefined;

function answerPreflight({ request, response }: Pick<Exchange, 'request' | 'response'>, options: CorsOptions): true {
  response.setHeader('vary', 'Origin, Access-Control-Request-Headers');
  response.writeHead(204, {
    'access-control-allow-methods': 'GET, HEAD, POST, PUT, DELETE',
    'access-control-allow-headers': allowedHeaders(request.headers['access-control-request-headers'], options),
    'access-control-max-age': '600',
    allow: METHODS,
  });
  response.end();
  return true;
}

/** Of those that are asked for, those that may be sent: `*` would not stand for `authorization`, or with credentials. */
function allowedHeaders(asked: string | undefined, { corsHeaders }: CorsOptions): string {
  const names = corsHeaders.filter((name) => !name.endsWith('*'));
  const beginnings = corsHeaders.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  const more = (asked ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => beginnings.some((beginning) => name.startsWith(beginning)) && !names.includes(name));
  return [...names, ...more].join(', ');
}
