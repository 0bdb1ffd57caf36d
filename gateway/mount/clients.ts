/** Which client speaks to which subgraph of a supergraph: in process for our own, over HTTP for all others. */
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { remoteClient } from '#gateway/execute/clients/remote-client.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import type { InternalTokens } from '#gateway/auth/internal-token.ts';
import type { Principal, RequestContext } from '#subgraphs/shared/context.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { applyRequestRules } from '#gateway/config/header-rules.ts';
import { settingsOf, settingsOfOwn, tlsOf, type RemoteSubgraphs } from '#gateway/config/remote-subgraphs.ts';
import { isOwnSubgraph } from './mount.ts';
import type { SubgraphTls } from '#gateway/config/tls-connector.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { LOCAL, SupergraphError, type SubgraphEntry } from '#gateway/supergraph/supergraph-file.ts';

export interface ClientOptions {
  /** Subgraphs of this process by name, also those still being mounted. */
  readonly mounted: ReadonlyMap<string, Promise<Pick<Subgraph, 'schema'>>>;
  /** Names of own subgraphs that run as servers of their own: they, and only they, are told who asks. */
  readonly apart: Readonly<Record<string, string>>;
  readonly tokens: InternalTokens;
  /** How remote subgraphs are treated. */
  readonly remote: RemoteSubgraphs;
  /** Told what is wrong with certificates. */
  readonly log?: Pick<Logger, 'warn'> | undefined;
}

/**
 * The client of one entry.
 * @throws SupergraphError for a `local://` URL of something that is not mounted
 */
export function clientOf({ name, routingUrl, schema }: SubgraphEntry, options: ClientOptions): SubgraphClient {
  if ('executable' in schema && schema.executable !== undefined) return inProcessClient(name, schema.executable);
  if (routingUrl.startsWith(LOCAL)) {
    const local = routingUrl.slice(`${LOCAL}//`.length);
    const mounted = options.mounted.get(local);
    if (mounted === undefined)
      throw new SupergraphError(
        `${name}: there is no subgraph at ${routingUrl}; known are ${[...options.mounted.keys()].join(', ')}.`,
      );
    return deferredClient(name, mounted);
  }
  const own = isOwnSubgraph(name) && Object.hasOwn(options.apart, name);
  const { errors, forwardHeaders, requestHeaders, connectionParams, resubscribe, resubscribeAttempts, ...settings } = (
    own ? settingsOfOwn : settingsOf
  )(options.remote, name);
  const deciding = forwardHeaders.filter((header) => !FOLLOWING.has(header));
  const following = forwardHeaders.filter((header) => FOLLOWING.has(header));
  return remoteClient(name, {
    url: routingUrl,
    ...settings,
    ...subgraphTls(name, options),
    connectionParameters: () => connectionParams,
    resubscribeAttempts: resubscribe ? resubscribeAttempts : 0,
    // A foreign subgraph is told nothing of the caller but what is passed on.
    ...(own ? {} : { identity: () => '', redactErrors: errors === 'redact' }),
    forwarded: ({ headers }) => {
      const passed = pick(headers, deciding);
      applyRequestRules(passed, requestHeaders);
      return passed;
    },
    headers: ({ principal, requestId, headers }) => {
      const tracing = { ...pick(headers, following), 'x-request-id': requestId };
      return own ? withToken(tracing, options.tokens, principal, name) : tracing;
    },
  });
}

/** Whether it is asked over HTTP. */
export const isElsewhere = ({ routingUrl, schema }: SubgraphEntry): boolean =>
  !('executable' in schema && schema.executable !== undefined) && !routingUrl.startsWith(LOCAL);

/** How the subgraph `name` is connected to over TLS. */
export const subgraphTls = (name: string, { remote, log }: Pick<ClientOptions, 'remote' | 'log'>): SubgraphTls => ({
  tls: tlsOf(remote, name),
  onTlsFault: (reason) =>
    log?.warn({ subgraph: name, reason }, 'A subgraph is not connected to for its certificates or ours.'),
});

/** Headers that only follow a request on its way: two requests that differ in nothing else are equal. */
const FOLLOWING: ReadonlySet<string> = new Set(['traceparent', 'tracestate']);

/** Who asks, in words that only our own subgraphs are told. */
async function withToken(
  headers: Record<string, string>,
  tokens: InternalTokens,
  principal: Principal,
  name: string,
): Promise<Record<string, string>> {
  return { ...headers, authorization: `Bearer ${await tokens.mint(principal, name)}` };
}

function pick(headers: RequestContext['headers'], names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  if (headers === undefined) return picked;
  for (const name of names) {
    const value = headers[name];
    if (value !== undefined) picked[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return picked;
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
