/** This engine, as one side. */
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { createEngine } from '#gateway/execute/engine.ts';
import { remoteClient } from '#gateway/execute/clients/remote-client.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { COMPARE } from './bounds.ts';
import { FetchCount, type EngineOfSide, type EngineSetting } from './side.ts';

export async function tributary({ supergraphSdl, urls, headers }: EngineSetting): Promise<EngineOfSide> {
  const fetches = new FetchCount();
  const clients = new Map<string, SubgraphClient>();
  for (const [name, url] of Object.entries(urls)) {
    const client = remoteClient(name, {
      url,
      headers: () => ({ ...headers }),
      timeoutMs: COMPARE.answerMs,
    });
    clients.set(name, {
      ...client,
      execute: (request) => {
        fetches.add(name);
        return client.execute(request);
      },
    });
  }
  const engine = await createEngine({ supergraphSdl, clients });
  return {
    schema: engine.schema,
    execute(document, { operationName, variables }, signal) {
      const context = createRequestContext(DEVELOPER, { requestId: 'compare', signal });
      return engine.execute({ document, operationName, variables: { ...variables }, context });
    },
    takeFetches: () => fetches.take(),
  };
}
