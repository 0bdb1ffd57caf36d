/** A gateway with some of the product's guards, in a process of its own; told over IPC which, it tells its port. */
import type { AddressInfo } from 'node:net';
import { ListedOperations } from '#gateway/admission/persisted/listed-operations.ts';
import { noPersistedQueries } from '#gateway/admission/persisted/automatic.ts';
import { operationTexts } from '#gateway/admission/persisted/operation-texts.ts';
import { authenticatorBy, type Authenticator } from '#gateway/auth/authenticator.ts';
import { oidcAuthenticator } from '#gateway/auth/oidc.ts';
import { loadConfig } from '#gateway/config/config.ts';
import type { Engine } from '#gateway/execute/engine.ts';
import { requestGuard } from '#gateway/http/request-guard.ts';
import { openLimits } from '#gateway/limits/open-limits.ts';
import { rateVariable, WHOSE } from '#gateway/limits/rate-names.ts';
import { limitSignIns } from '#gateway/limits/sign-ins.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { startIssuer } from '#tests/gateway/issuer.ts';
import { engineOf, productHandler, serve, type ProductGuards } from './contestants.ts';
import { composeSupergraph, QUERIES } from './data.ts';
import { answerUsage } from './usage.ts';

/** What can be left out: the cost of an operation, `Host` and `Origin`, a signed token, rates and places, a list. */
export type Guard = 'cost' | 'request' | 'token' | 'limits' | 'list';

export interface GuardedRole {
  guards: readonly Guard[];
}

export interface Guarded {
  port: number;
  /** What requests must carry. */
  headers: Record<string, string>;
}

answerUsage();
process.once('message', (role: GuardedRole) => void start(new Set(role.guards)));

async function start(guards: ReadonlySet<Guard>): Promise<void> {
  const issuer = await startIssuer();
  const token = await issuer.token({ sub: 'somebody', tenant: 'acme', scope: 'documents:read' });
  // Those that hold by default, too high to be met: all are counted, and none is refused.
  const rates = Object.fromEntries(WHOSE.map((whose) => [rateVariable(whose), '1000000/1s']));
  const config = loadConfig({
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'tributary',
    HOST: '127.0.0.1',
    PUBLIC_BASE_URL: 'http://127.0.0.1',
    ...rates,
  });
  const made: { -readonly [Name in keyof ProductGuards]: ProductGuards[Name] } = {};
  if (guards.has('request')) made.guard = requestGuard(config.server);
  if (guards.has('list')) {
    const operations = Object.entries(QUERIES).map(([id, body]) => ({ id, body, clientName: undefined }));
    const listed = { current: await ListedOperations.of(operations, config.bounds.admission) };
    made.texts = operationTexts(noPersistedQueries, {
      listed,
      mode: 'only',
      clientName: 'token',
      learned: () => undefined,
    });
  }
  let authenticate: Authenticator['authenticate'] | undefined;
  if (guards.has('token'))
    ({ authenticate } = authenticatorBy({
      tokens: oidcAuthenticator({ ...config.oidc!, ...config.bounds.auth, introspection: undefined }),
    }));
  if (guards.has('limits')) {
    const { limits } = await openLimits({
      rates: config.rates.limits,
      bounds: config.bounds.limits,
      redisUrl: undefined,
      withoutRedis: 'memory',
      isProxy: () => false,
      log: createLogger({ level: 'error' }),
    });
    made.limits = limits;
    if (authenticate !== undefined) authenticate = limitSignIns(authenticate, limits);
  }
  if (authenticate !== undefined) made.authenticate = authenticate;
  const supergraphSdl = composeSupergraph((name) => `http://${name}.invalid/graphql`);
  const engine = await engineOf({ supergraphSdl, urls: undefined });
  const server = serve(await productHandler(guards.has('cost') ? engine : withoutCost(engine), made));
  const headers: Record<string, string> = guards.has('token') ? { authorization: `Bearer ${token}` } : {};
  server.listen(0, '127.0.0.1', () =>
    process.send!({ port: (server.address() as AddressInfo).port, headers } satisfies Guarded),
  );
}

/** The same engine, which cannot tell what operations would cost. */
const withoutCost = (engine: Engine): Engine => ({
  schema: engine.schema,
  supergraphSdl: engine.supergraphSdl,
  warm: (other) => engine.warm(other),
  execute: (operation) => engine.execute(operation),
  subscribe: (operation) => engine.subscribe(operation),
  close: () => engine.close(),
});
