/** The ports of a subgraph that runs as a server of its own: what its errors say comes through. */
import { execute } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { remotePorts } from '#gateway/mount/remote-ports.ts';
import { createInference } from '#subgraphs/inference/index.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { tooLongOf } from '#subgraphs/shared/errors.ts';
import { startStandIn } from '#tests/contract/openai-server.ts';

describe('remote ports', () => {
  it('tell which texts are too long for the embedding model, and the limit', async () => {
    await using standIn = await startStandIn({ maxInputTokens: 3 });
    const inference = await createInference(
      {
        openai: { baseUrl: standIn.baseUrl, apiKey: standIn.apiKey },
        embeddings: 'openai',
        embeddingModel: standIn.embeddingModel,
      },
      { usageSink: undefined },
    );
    const context = createRequestContext({ tenantId: 'a', subject: 'tester', roles: [], scopes: [] });
    const client: Pick<SubgraphClient, 'name' | 'execute'> = {
      name: 'inference',
      execute: async ({ document, variables, context: contextValue }) =>
        execute({ schema: inference.schema, document, variableValues: variables, contextValue }),
    };
    const { embedder } = await remotePorts('inference', client as SubgraphClient);
    const refused = await embedder!.embed(context, ['a b', 'a b c d']).catch((error: unknown) => error);
    expect(tooLongOf(refused)).toEqual({ limit: 3, unit: 'TOKENS', inputs: [1] });
    expect((await embedder!.embed(context, ['a b'])).vectors).toHaveLength(1);
    await inference.close();
  });
});
