/**
 * Which requests may come in at all, by `Host` and `Origin`. Listening on loopback does not keep browsers out: any page
 * can send requests to it, and by rebinding its own name's address (DNS rebinding) read the answers.
 */
import type { IncomingMessage } from 'node:http';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Asked } from '#gateway/auth/authenticator.ts';
import type { TrustedProxies } from '#gateway/auth/trusted-proxies.ts';

export interface RequestGuardOptions {
  /** Where clients reach the server, when not where it listens. */
  publicBaseUrl: string | undefined;
  /** Further names accepted in `Host`, without ports. */
  allowedHosts: readonly string[];
  /** Origins of other sites whose pages may call. */
  corsOrigins: readonly string[];
  /**
   * Whether pages that this machine serves itself, on whatever port, may call, and a page that may not learns why: for
   * development. @default false
   */
  trustsLoopback?: boolean;
  /** Headers by which proxies say who asks: they are taken out of requests that do not come from one. @default none */
  onlyOfProxies?: { readonly proxies: TrustedProxies; readonly headers: readonly string[] };
}

export interface RequestGuard {
  /**
   * @throws CodedError `FORBIDDEN` when `Host` is not a name of this server, or when a page of another origin asks;
   *   `BAD_USER_INPUT` when a header is there twice that means one thing
   */
  check(request: Pick<IncomingMessage, 'method'> & Asked): void;
  /** Whether `Host` is a name of this server. */
  knowsHost(host: string | undefined): boolean;
  /** Whether a page of this origin may read answers, though it is another site's. */
  allowsCrossOrigin(origin: string): boolean;
  /** Whether pages of refused origins may read why. */
  readonly explainsRefusals: boolean;
}

/** Names that only this machine resolves to itself (RFC 6761 for `localhost`). */
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

const LOOPBACK_ORIGIN = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;

export function requestGuard(options: RequestGuardOptions): RequestGuard {
  const publicUrl = options.publicBaseUrl === undefined ? undefined : new URL(options.publicBaseUrl);
  const hosts = new Set([
    ...LOOPBACK,
    ...(publicUrl === undefined ? [] : [publicUrl.hostname]),
    ...options.allowedHosts.map((host) => host.toLowerCase()),
  ]);
  const origins = new Set([...options.corsOrigins, ...(publicUrl === undefined ? [] : [publicUrl.origin])]);
  const { trustsLoopback = false, onlyOfProxies: ofProxies } = options;
  const allows = (origin: string): boolean => trustsLoopback && LOOPBACK_ORIGIN.test(origin);

  const knowsHost = (host: string | undefined): boolean => {
    if (host === undefined) return false;
    const name = hostname(host);
    return name !== undefined && (hosts.has(name) || hosts.has(host.toLowerCase()));
  };
  // A proxy that ends TLS leaves `Host` as the client sent it, so the scheme need not match.
  const sameOrigin = (origin: string, host: string): boolean =>
    /^https?:\/\//.test(origin) && origin.slice(origin.indexOf('//') + 2) === host.toLowerCase();

  return {
    knowsHost,
    allowsCrossOrigin: (origin) => options.corsOrigins.includes(origin) || allows(origin),
    explainsRefusals: trustsLoopback,
    check({ headers, method, rawHeaders, socket }) {
      checkSingle(rawHeaders);
      if (ofProxies !== undefined && !ofProxies.proxies.trusts(socket.remoteAddress))
        for (const name of ofProxies.headers) delete headers[name]; // Also for those to whom headers are passed on.
      const { host, origin } = headers;
      if (!knowsHost(host)) {
        throw new CodedError('FORBIDDEN', 'The `Host` of the request is not a name of this server.', {
          hint: 'Set PUBLIC_BASE_URL, or add the name to ALLOWED_HOSTS.',
        });
      }
      const trusted = origin === undefined || sameOrigin(origin, host!) || origins.has(origin) || allows(origin);
      // Without an Origin, browsers still say that another site's page asks (a form, an image, a script), but for a
      // link.
      const site = headers['sec-fetch-site'];
      const foreignEmbed =
        origin === undefined && (site === 'cross-site' || site === 'same-site') && !isNavigation(headers, method);
      if (!trusted || foreignEmbed) {
        throw new CodedError('FORBIDDEN', 'Pages of this origin may not call the server.', {
          hint:
            origin === undefined || !URL.canParse(origin)
              ? 'Serve the page over http or https, and add its origin to CORS_ORIGINS.'
              : `Add the origin to CORS_ORIGINS: CORS_ORIGINS=${origin.slice(0, 200)}`,
        });
      }
    },
  };
}

/** Node keeps the first of these, and a proxy in front may have decided by the last (RFC 9110, section 5.3; RFC 9112, 3.2). */
const SINGLE_NAMES = ['host', 'authorization', 'content-type', 'content-length', 'origin'];

function checkSingle(rawHeaders: readonly string[]): void {
  let seen = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    // Few names have these lengths, so that most are told apart without another look.
    if (name.length !== 4 && name.length !== 6 && name.length < 12) continue;
    const at = SINGLE_NAMES.indexOf(name.toLowerCase());
    if (at === -1) continue;
    if ((seen & (1 << at)) !== 0)
      throw new CodedError('BAD_USER_INPUT', `The request has two \`${name.slice(0, 40)}\` headers.`);
    seen |= 1 << at;
  }
}

const isNavigation = (headers: IncomingMessage['headers'], method: string | undefined): boolean =>
  method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';

function hostname(host: string): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^\s:/@?#[\]]+)(?::\d{1,5})?$/i.exec(host);
  return match?.[1]?.toLowerCase();
}
