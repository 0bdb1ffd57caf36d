/** A subgraph over HTTP, any vendor's. What it answers is not trusted to be GraphQL, JSON, small or soon. */
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { promisify } from 'node:util';
import { BrokenCircuitError, circuitBreaker, ConsecutiveBreaker, ExponentialBackoff, handleWhen, retry, wrap } from 'cockatiel';
import { print, type ExecutionResult } from 'graphql';
import { Pool, type Dispatcher } from 'undici';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { cancelled } from './fetch-errors.ts';
import { readResult } from './graphql-response.ts';
import { subscribeRemotely } from './remote-subscription.ts';
import { isRepeatable } from './repeatable.ts';
import type { SubgraphClient, SubgraphRequest } from './subgraph-client.ts';

export interface RemoteClientOptions {
  /** The subgraph's GraphQL endpoint, `http(s)://…`. */
  url: string;
  /** Headers of each request: identity, tracing. @default none */
  headers?: (context: RequestContext) => Promise<Record<string, string>>;
  /** Longest wait for a whole answer, in milliseconds. @default 30000 */
  timeoutMs?: number;
  /** Largest answer in bytes, before and after decompression. @default 32 MiB */
  maxResponseBytes?: number;
  /** Most connections; requests past it wait. @default 64 */
  connections?: number;
  /** How often a query is sent again after the connection failed. Mutations and unrepeatable fields never are. @default 2 */
  retries?: number;
  /** Failures in a row after which the subgraph is left alone. @default 10 */
  breakAfter?: number;
  /** How long it is left alone, in milliseconds. @default 5000 */
  breakForMs?: number;
  /** Where subscriptions go. @default `url` with `ws(s)://` */
  subscriptionUrl?: string;
}

const decompress: Readonly<Record<string, (data: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/** A failure of the connection, before an answer began: the one kind that another attempt may mend. */
class ConnectionFailure extends CodedError {}

/** Makes a client of a subgraph elsewhere. Connections are opened when first needed. */
export function remoteClient(name: string, options: RemoteClientOptions): SubgraphClient {
  const { timeoutMs = 30_000, maxResponseBytes = 32 * 1024 * 1024, retries = 2, headers = () => Promise.resolve({}) } = options;
  const url = new URL(options.url);
  const pool = new Pool(url.origin, {
    connections: options.connections ?? 64,
    keepAliveTimeout: 30_000,
    // The time-out below covers them all.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const isFailure = (error: unknown) => error instanceof CodedError && error.code === 'SUBGRAPH_UNAVAILABLE';
  const breaker = circuitBreaker(handleWhen(isFailure), {
    breaker: new ConsecutiveBreaker(options.breakAfter ?? 10),
    halfOpenAfter: options.breakForMs ?? 5_000,
  });
  const retrying = wrap(
    retry(
      handleWhen((error) => error instanceof ConnectionFailure),
      { maxAttempts: retries, backoff: new ExponentialBackoff({ initialDelay: 50, maxDelay: 1_000 }) },
    ),
    breaker,
  );

  async function send(request: SubgraphRequest): Promise<ExecutionResult> {
    const signal = request.signal ?? request.context.signal;
    const ending = new AbortController();
    const abort = () => ending.abort();
    const timer = setTimeout(abort, timeoutMs);
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted === true) abort();
    try {
      const response = await pool.request({
        path: `${url.pathname}${url.search}`,
        method: 'POST',
        headers: {
          'accept-encoding': 'gzip, br',
          ...(await headers(request.context)),
          'content-type': 'application/json',
          accept: 'application/graphql-response+json, application/json',
        },
        body: JSON.stringify({
          query: request.query ?? print(request.document),
          operationName: request.operationName,
          variables: request.variables,
        }),
        signal: ending.signal,
      });
      return readResult(name, response.statusCode, await readBody(name, response, maxResponseBytes));
    } catch (error) {
      if (signal?.aborted === true) throw cancelled(signal);
      if (error instanceof CodedError) throw error;
      if (ending.signal.aborted) {
        throw new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${name} did not answer within ${timeoutMs} ms.`, { cause: error });
      }
      throw new ConnectionFailure('SUBGRAPH_UNAVAILABLE', `The subgraph ${name} cannot be reached.`, { cause: error });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  return {
    name,
    async execute(request) {
      const policy = isRepeatable(request.document) ? retrying : breaker;
      try {
        return await policy.execute(() => send(request));
      } catch (error) {
        if (!(error instanceof BrokenCircuitError)) throw error;
        throw new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${name} has been failing and is left alone for a moment.`, { cause: error });
      }
    },
    async subscribe(request) {
      const address = new URL(options.subscriptionUrl ?? options.url);
      address.protocol = address.protocol.replace('http', 'ws');
      return subscribeRemotely(name, address, request, await headers(request.context));
    },
    close: () => pool.close(),
  };
}

async function readBody(name: string, response: Dispatcher.ResponseData, limit: number): Promise<string> {
  const tooLarge = () => new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${name} answered with more than ${limit} bytes.`);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Leaving the loop destroys the body and its connection.
    if (size > limit) throw tooLarge();
    chunks.push(chunk);
  }
  const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  const encoding = String(response.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding === 'identity') return body.toString('utf8');
  const decode = Object.hasOwn(decompress, encoding) ? decompress[encoding] : undefined;
  if (decode === undefined) throw new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${name} answered in an encoding that was not offered.`);
  try {
    return (await decode(body, { maxOutputLength: limit })).toString('utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${name} answered with a damaged body.`, { cause: error });
  }
}
