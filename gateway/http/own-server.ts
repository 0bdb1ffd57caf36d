/**
 * What one of our own subgraphs that is a server of its own answers besides GraphQL: the state of its stores, and the
 * routes at which clients know the gateway alone, runs' events and signed links of files. They are asked there and
 * passed on.
 */
import { Readable } from 'node:stream';
import { Agent, fetch, type Response as FetchedResponse } from 'undici';
import type { InternalTokens } from '#gateway/auth/internal-token.ts';
import { tlsConnector, type SubgraphTls } from '#gateway/config/tls-connector.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Route, StoreHealth, SubgraphName } from '#subgraphs/shared/subgraph.ts';

export interface OwnServer {
  readonly routes: readonly Route[];
  /** The state of its stores as it says it itself. Never rejects for what the server does. */
  health(): Promise<StoreHealth[]>;
  close(): Promise<void>;
}

/** What of a request and its answer is passed on, and to which path. */
interface Passing extends Pick<Route, 'methods' | 'prefix' | 'authenticated'> {
  readonly asked: readonly string[];
  readonly answered: readonly string[];
  /** What a client does when the server is away. */
  readonly hint: string;
}

const PASSINGS: Readonly<Partial<Record<SubgraphName, Passing>>> = {
  runs: {
    methods: ['GET'],
    prefix: '/runs/',
    authenticated: true,
    asked: ['accept', 'last-event-id'],
    answered: ['content-type', 'cache-control', 'x-accel-buffering'],
    hint: 'Connect again with the last id seen.',
  },
  object: {
    methods: ['GET', 'HEAD', 'PUT'],
    prefix: '/objects/',
    asked: [
      'content-type',
      'content-length',
      'content-encoding',
      'range',
      'if-range',
      'if-match',
      'if-none-match',
      'if-modified-since',
      'if-unmodified-since',
    ],
    answered: [
      'accept-ranges',
      'cache-control',
      'content-disposition',
      'content-length',
      'content-range',
      'content-security-policy',
      'content-type',
      'cross-origin-resource-policy',
      'etag',
      'last-modified',
      'referrer-policy',
      'x-content-type-options',
    ],
    hint: 'Try again in some seconds.',
  },
};

/**
 * @param url the subgraph's GraphQL endpoint; everything else is beside it
 * @param probeTimeoutMs the longest wait for the state of its stores: what nobody waits for any more is given up
 */
export function ownServer(
  name: SubgraphName,
  url: string,
  tokens: InternalTokens,
  { probeTimeoutMs, ...tls }: SubgraphTls & { readonly probeTimeoutMs: number },
): OwnServer {
  // A stream may be silent for long.
  const dispatcher = new Agent({ connect: tlsConnector(tls), bodyTimeout: 0 });
  const beside = (path: string, search = ''): URL => {
    // A path is never more than a path: what the client wrote cannot become another host.
    const target = new URL(url);
    target.pathname = `${target.pathname.replace(/\/[^/]*$/, '')}${path}`;
    target.search = search;
    return target;
  };
  const passed = PASSINGS[name];
  return {
    routes:
      passed === undefined ? [] : [{ ...passed, handle: (request, principal) => pass(passed, request, principal) }],
    async health() {
      try {
        const answer = await fetch(beside('/health/ready'), {
          dispatcher,
          redirect: 'error',
          signal: AbortSignal.timeout(probeTimeoutMs),
        });
        const { stores } = (await answer.json()) as { stores?: Record<string, StoreHealth[]> };
        const told = stores?.[name];
        if (told !== undefined) return told;
      } catch {
        // Told below.
      }
      return [{ store: name, state: 'down', detail: `The subgraph ${name} does not say how its stores are.` }];
    },
    close: () => dispatcher.destroy(),
  };

  async function pass({ asked, answered, hint }: Passing, request: Request, principal?: Principal): Promise<Response> {
    const headers: Record<string, string> = {};
    for (const header of asked) {
      const value = request.headers.get(header);
      if (value !== null) headers[header] = value;
    }
    if (principal !== undefined) headers['authorization'] = `Bearer ${await tokens.mint(principal, name)}`;
    const { pathname, search } = new URL(request.url);
    let answer: FetchedResponse;
    try {
      answer = await fetch(beside(pathname, search), {
        method: request.method,
        headers,
        dispatcher,
        redirect: 'error',
        signal: request.signal,
        ...(request.body === null ? {} : { body: Readable.fromWeb(request.body as never), duplex: 'half' }),
      });
    } catch (cause) {
      throw new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${name} cannot be reached.`, { cause, hint });
    }
    const passedOn = answered.flatMap((header) => {
      const value = answer.headers.get(header);
      return value === null ? [] : [[header, value] as [string, string]];
    });
    const bodiless = answer.status === 204 || answer.status === 304 || request.method === 'HEAD';
    if (bodiless) await answer.body?.cancel();
    return new Response(bodiless ? null : (answer.body as ReadableStream | null), {
      status: answer.status,
      headers: passedOn,
    });
  }
}
