/**
 * `/health/live`: the process runs. `/health/ready`: it has started and can answer. A store that is down does not make
 * it unready, since the fields of all other stores still answer and a restart would not bring the store back; each
 * store's state is in the body.
 */
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import { withTimeout } from '#subgraphs/shared/with-timeout.ts';
import { HTTP } from '#gateway/bounds/http.ts';
import { sendJson, type Handler } from './exchange.ts';
import type { RequestGuard } from './request-guard.ts';

export interface HealthSources {
  /** `starting` until start-up has finished, `stopping` from the first signal on. */
  state(): 'starting' | 'ready' | 'stopping';
  /** Probes every store, by subgraph. Never rejects. */
  stores(): Promise<Record<string, readonly StoreHealth[]>>;
  /** The supergraph that serves, and what was wrong with the last change. */
  supergraph(): {
    readonly since: string;
    readonly subgraphs: readonly string[];
    readonly failure: string | undefined;
    /** Subgraphs whose schema is the last good one (`fetchedAt`), or that are left out. */
    readonly unavailable: readonly {
      readonly subgraph: string;
      readonly reason: string;
      readonly fetchedAt?: string;
    }[];
    /** Parts of subgraphs that do not serve, since their stores do not have them. */
    readonly leftOut: readonly { readonly subgraph: string; readonly reason: string }[];
  };
  /** The operator's lists of operations, and what was wrong with their last change; undefined where there are none. */
  persistedOperations?(): { readonly failure: string | undefined } | undefined;
  /** Ingestion and indexing progress; absent where nothing is ingested. */
  progress?(): Promise<unknown>;
  /** How many requests each limit has refused since the process began; absent where there are no limits. */
  refused?(): Readonly<Record<string, number>>;
  /** Longest wait for it, in milliseconds. Default: `HTTP.probeTimeoutMs`. */
  timeoutMs?: number;
}

export function health(sources: HealthSources, guard: RequestGuard): Handler {
  return async (exchange) => {
    const { path, request } = exchange;
    if (path !== '/health/live' && path !== '/health/ready') return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      exchange.response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return true;
    }
    if (path === '/health/live') {
      sendJson(exchange, 200, { status: 'ok' });
      return true;
    }
    const state = sources.state();
    const status = state === 'ready' ? 200 : 503;
    // Orchestrators probe by address; the details are only for those who know the server's name (see request-guard.ts).
    if (!guard.knowsHost(request.headers.host)) {
      sendJson(exchange, status, { status: state });
      return true;
    }
    const stores = await sources.stores();
    const progress = await withTimeout(sources.progress?.(), sources.timeoutMs ?? HTTP.probeTimeoutMs);
    const supergraph = sources.supergraph();
    const persistedOperations = sources.persistedOperations?.();
    const states = Object.values(stores)
      .flat()
      .map((store) => store.state);
    sendJson(exchange, status, {
      status: state,
      degraded:
        states.includes('down') ||
        supergraph.failure !== undefined ||
        supergraph.unavailable.length > 0 ||
        supergraph.leftOut.length > 0 ||
        persistedOperations?.failure !== undefined,
      stores,
      supergraph: {
        ...supergraph,
        unavailable: supergraph.unavailable.map((each) =>
          each.fetchedAt === undefined
            ? each
            : { ...each, ageSeconds: Math.round((Date.now() - Date.parse(each.fetchedAt)) / 1000) },
        ),
      },
      ...(sources.refused === undefined ? {} : { refused: sources.refused() }),
      ...(persistedOperations === undefined ? {} : { persistedOperations }),
      ...(progress === undefined ? {} : { progress }),
    });
    return true;
  };
}

/**
 * Probes of all subgraphs at once; one that fails or hangs is itself a finding.
 * @param timeoutMs longest time for all together, in milliseconds
 */
export async function probeAll(
  subgraphs: readonly { name: string; health(): Promise<StoreHealth[]> }[],
  timeoutMs = HTTP.probeTimeoutMs,
): Promise<Record<string, readonly StoreHealth[]>> {
  const probes = subgraphs.map(async ({ name, health: probe }) => {
    const down = (detail: string): StoreHealth[] => [{ store: name, state: 'down', detail }];
    try {
      return [name, (await withTimeout(probe(), timeoutMs)) ?? down(`No answer within ${timeoutMs} ms.`)] as const;
    } catch {
      return [name, down('The probe failed.')] as const;
    }
  });
  return Object.fromEntries(await Promise.all(probes));
}
