/** A subgraph over HTTP. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { SubgraphClient } from './subgraph-client.ts';

export interface RemoteClientOptions {
  /** The subgraph's GraphQL endpoint, `http(s)://…`. */
  url: string;
  /** Headers of each request: identity, tracing. @default none */
  headers?: (context: RequestContext) => Promise<Record<string, string>>;
  /** Longest wait for a whole answer, in milliseconds. @default 30000 */
  timeoutMs?: number;
  /** Largest answer in bytes, after decompression. @default 32 MiB */
  maxResponseBytes?: number;
  /** Where subscriptions go. @default `url` with `ws(s)://` */
  subscriptionUrl?: string;
}

export function remoteClient(name: string, options: RemoteClientOptions): SubgraphClient {
  throw new Error(`The subgraph ${name} at ${options.url} cannot be reached yet.`);
}
