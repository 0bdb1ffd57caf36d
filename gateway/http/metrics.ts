/** `/metrics` for Prometheus: beside everything else, for callers with a scope; or alone on a port of its own, for whoever reaches it. */
import type { Authenticator } from '#gateway/auth/authenticator.ts';
import type { Config } from '#gateway/config/config.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { forbidden } from '#subgraphs/shared/errors.ts';
import type { Exchange, Handler } from './exchange.ts';
import { createListener, type Listener } from './listener.ts';

const PATH = '/metrics';
/** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8';

export interface MetricsOptions {
  /** What is answered. */
  readonly text: () => Promise<string>;
  /** Who may read it; undefined for everybody. */
  readonly admits?: { readonly authenticate: Authenticator['authenticate']; readonly scope: string | undefined };
}

export function metricsHandler({ text, admits }: MetricsOptions): Handler {
  let reading: Promise<string> | undefined;
  return async (exchange) => {
    const { path, request, response } = exchange;
    if (path !== PATH) return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return true;
    }
    if (admits !== undefined) await admit(exchange, admits);
    // Once for all who read at the same time: what gathers it asks stores.
    reading ??= text().finally(() => (reading = undefined));
    const body = await reading;
    response.writeHead(200, {
      'content-type': TEXT_FORMAT,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
    return true;
  };
}

/** Answers them alone, to whoever reaches the port. @returns the listener, and the port that it has */
export async function listenForMetrics(
  { server, bounds }: Pick<Config, 'server' | 'bounds'>,
  port: number,
  text: MetricsOptions['text'],
  log: Logger,
): Promise<{ readonly listener: Listener; readonly port: number }> {
  const listener = createListener([metricsHandler({ text })], bounds.http, log);
  return { listener, port: await listener.listen(server.host, port) };
}

async function admit(
  exchange: Exchange,
  { authenticate, scope }: NonNullable<MetricsOptions['admits']>,
): Promise<void> {
  const principal = await authenticate(exchange.request.headers.authorization, exchange.request);
  exchange.principal = principal;
  if (scope !== undefined && !principal.scopes.includes(scope))
    throw forbidden(`Metrics take the scope ${scope}, which METRICS_SCOPE names.`);
}
