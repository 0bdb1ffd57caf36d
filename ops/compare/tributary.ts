/** This engine, as one side. */
import { parse, validate } from 'graphql';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { createEngine } from '#gateway/execute/engine.ts';
import { remoteClient } from '#gateway/execute/clients/remote-client.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { COMPARE } from './bounds.ts';
import { FetchCount, type Answered, type EngineOfSide, type EngineSetting } from './side.ts';
import { subgraphsOf } from './supergraph.ts';

export async function tributary({ supergraphSdl, urls, headers }: EngineSetting): Promise<EngineOfSide> {
  const fetches = new FetchCount();
  const clients = new Map<string, SubgraphClient>();
  for (const [name, url] of subgraphsOf(supergraphSdl)) {
    const client = remoteClient(name, {
      url: urls[name] ?? url,
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
    async execute({ query, operationName, variables }, signal) {
      const document = parse(query);
      const faults = validate(engine.schema, document);
      if (faults.length > 0) return { errors: faults.map((fault) => fault.toJSON()) };
      const context = createRequestContext(DEVELOPER, { requestId: 'compare', signal });
      const result = await engine.execute({ document, operationName, variables: { ...variables }, context });
      // As a client reads it.
      return JSON.parse(writeJson(result)) as Answered;
    },
    takeFetches: () => fetches.take(),
  };
}
