/** Plain HTTP routes that subgraphs serve beside GraphQL, such as signed downloads. */
import { setMaxListeners } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ReadableStream } from 'node:stream/web';
import { HTTP } from '#gateway/bounds/http.ts';
import type { Authenticator } from '#gateway/auth/authenticator.ts';
import { onExpiry } from '#gateway/auth/expiry.ts';
import type { RequestLimits } from '#gateway/limits/request-limits.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import type { Route } from '#subgraphs/shared/subgraph.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { arriving } from './body.ts';
import type { Exchange, Handler } from './exchange.ts';

export interface SubgraphRoutesOptions {
  /** Verifies the callers of routes that ask for it. @throws CodedError `UNAUTHENTICATED` */
  authenticate: Authenticator['authenticate'];
  /** Aborted when the server stops: event streams are cut, so that their clients resume elsewhere. */
  stopping: AbortSignal;
  /** How long the sender of a body may send nothing, in milliseconds. @default `HTTP.senderStallMs` */
  senderStallMs?: number | undefined;
  /** Of the callers of such routes, and their streams. @default none */
  limits?: Pick<RequestLimits, 'operation' | 'enter'> | undefined;
}

/** Serves `routes`; the longest prefix wins. Bodies stream both ways, so that a file need not fit into memory. */
export function subgraphRoutes(
  routes: readonly Route[],
  { authenticate, stopping, senderStallMs = HTTP.senderStallMs, limits }: SubgraphRoutesOptions,
): Handler {
  setMaxListeners(0, stopping); // Every stream that is open listens.
  const byLength = [...routes].sort((a, b) => b.prefix.length - a.prefix.length);
  return async (exchange) => {
    const matching = byLength.filter((candidate) => exchange.path.startsWith(candidate.prefix));
    const [first] = matching;
    if (first === undefined) return false;
    const method = exchange.request.method ?? 'GET';
    const samePrefix = matching.filter((candidate) => candidate.prefix === first.prefix);
    const route = samePrefix.find((candidate) => candidate.methods.includes(method));
    if (route === undefined) {
      exchange.response.setHeader('allow', samePrefix.flatMap((candidate) => candidate.methods).join(', '));
      exchange.response.writeHead(405).end();
      exchange.request.resume();
      return true;
    }
    const { request } = exchange;
    const principal =
      route.authenticated === true ? await authenticate(request.headers.authorization, request) : undefined;
    if (principal === undefined) {
      await sendAnswer(exchange, await route.handle(toRequest(exchange, method, senderStallMs)), {
        stopping,
        principal,
      });
      return true;
    }
    exchange.principal = principal;
    const asking = { principal, address: exchange.address };
    await limits?.operation(asking, exchange.tellQuotas);
    const leave = limits?.enter(asking, 'streams');
    try {
      await sendAnswer(exchange, await route.handle(toRequest(exchange, method, senderStallMs), principal), {
        stopping,
        principal,
      });
    } finally {
      leave?.();
    }
    return true;
  };
}

function toRequest({ request, signal, path }: Exchange, method: string, senderStallMs: number): Request {
  const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`);
  // `/a/../b` was found as one thing and would be read as another.
  if (url.pathname !== path) throw badUserInput('The path has another spelling; send it as it was given.');
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    for (const item of Array.isArray(value) ? value : [value]) if (item !== undefined) headers.append(name, item);
  }
  const hasBody = method !== 'GET' && method !== 'HEAD';
  try {
    return new Request(url, {
      method,
      headers,
      signal,
      ...(hasBody ? { body: ReadableStream.from(arriving(request, senderStallMs)) as never, duplex: 'half' } : {}),
    } as RequestInit);
  } catch (cause) {
    throw new CodedError('BAD_USER_INPUT', 'The request cannot be understood.', { cause });
  }
}

/**
 * Sends what a route answers.
 * @param ends what cuts a stream of events: the server's end, and that of the caller's token. Who is cut comes back,
 * and is looked at anew.
 */
export async function sendAnswer(
  { request, response, signal }: Exchange,
  answer: Response,
  ends: { stopping: AbortSignal; principal: Principal | undefined },
): Promise<void> {
  for (const [name, value] of answer.headers) if (name !== 'set-cookie') response.setHeader(name, value);
  response.writeHead(answer.status);
  if (answer.body === null || request.method === 'HEAD') {
    await answer.body?.cancel();
    response.end();
    return;
  }
  const events = answer.headers.get('content-type')?.startsWith('text/event-stream') === true;
  const { signal: cut, release } = events ? cutBy(ends) : { signal: undefined, release: () => undefined };
  if (events) response.flushHeaders();
  try {
    await pipeline(
      Readable.fromWeb(answer.body as ReadableStream),
      response,
      ...(cut === undefined ? [] : [{ signal: cut }]),
    );
  } catch (error) {
    // A client that went away is no fault, and a stream of events that is cut is resumed.
    if (signal.aborted || (events && isAbort(error))) return;
    // What `fetch` says of an answer that broke off.
    if (error instanceof TypeError && error.message === 'terminated')
      throw new CodedError('SUBGRAPH_UNAVAILABLE', 'The stream broke off.', { cause: error });
    throw error;
  } finally {
    release();
  }
}

function cutBy({ stopping, principal }: { stopping: AbortSignal; principal: Principal | undefined }): {
  signal: AbortSignal;
  release: () => void;
} {
  const cut = new AbortController();
  const abort = (): void => cut.abort(new DOMException('The stream is cut.', 'AbortError'));
  const forget = principal === undefined ? () => undefined : onExpiry(principal, abort);
  stopping.addEventListener('abort', abort, { once: true });
  if (stopping.aborted) abort();
  return {
    signal: cut.signal,
    release: () => {
      forget();
      stopping.removeEventListener('abort', abort);
    },
  };
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';
