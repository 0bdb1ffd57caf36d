/** Which client speaks to which subgraph of a supergraph: in process for our own, over HTTP for all others. */
import { inProcessClient, remoteClient, type SubgraphClient } from './execute/subgraph-client.ts';
import type { InternalTokens } from './auth/internal-token.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { isOwnSubgraph } from './mount.ts';
import { LOCAL, SupergraphError, type SubgraphEntry } from './supergraph/supergraph-file.ts';

export interface ClientOptions {
  /** Subgraphs of this process by name, also those still being mounted. */
  readonly mounted: ReadonlyMap<string, Promise<Pick<Subgraph, 'schema'>>>;
  /** Names of own subgraphs that run as servers of their own: they, and only they, are told who asks. */
  readonly apart: Readonly<Record<string, string>>;
  readonly tokens: InternalTokens;
  readonly timeoutMs: number;
}

/**
 * The client of one entry.
 * @throws SupergraphError for a `local://` URL of something that is not mounted
 */
export function clientOf({ name, routingUrl }: SubgraphEntry, options: ClientOptions): SubgraphClient {
  if (routingUrl.startsWith(LOCAL)) {
    const local = routingUrl.slice(`${LOCAL}//`.length);
    const mounted = options.mounted.get(local);
    if (mounted === undefined) throw new SupergraphError(`${name}: there is no subgraph at ${routingUrl}; known are ${[...options.mounted.keys()].join(', ')}.`);
    return deferredClient(name, mounted);
  }
  const own = isOwnSubgraph(name) && Object.hasOwn(options.apart, name);
  return remoteClient(name, {
    url: routingUrl,
    timeoutMs: options.timeoutMs,
    headers: async ({ principal, requestId }) => ({
      'x-request-id': requestId,
      ...(own ? { authorization: `Bearer ${await options.tokens.mint(principal, name)}` } : {}),
    }),
  });
}

/** A client of a subgraph that may still be on its way up, so that engine and stores start side by side. */
function deferredClient(name: string, mounted: Promise<Pick<Subgraph, 'schema'>>): SubgraphClient {
  const ready = mounted.then(({ schema }) => {
    const inner = inProcessClient(name, schema);
    // From now on without a detour.
    client.execute = inner.execute;
    client.subscribe = inner.subscribe;
    return inner;
  });
  ready.catch(() => undefined); // Reported by whoever mounts; a call before that gets it too.
  const client: SubgraphClient = {
    name,
    execute: async (request) => (await ready).execute(request),
    subscribe: async (request) => (await ready).subscribe(request),
    close: () => Promise.resolve(),
  };
  return client;
}
