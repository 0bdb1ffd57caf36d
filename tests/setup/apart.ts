/** The six subgraphs as servers of their own, as `npm run subgraph` starts them. */
import { loadConfig } from '#gateway/config/config.ts';
import { startSubgraphServer, type SubgraphServer } from '#gateway/subgraph-server.ts';
import { wireTo } from '#tests/e2e/wire.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import type { SubgraphName } from '#subgraphs/shared/subgraph.ts';

export interface ApartSubgraphs extends AsyncDisposable {
  /** The variables by which a gateway finds them. */
  readonly variables: Record<string, string>;
  readonly urls: Readonly<Record<SubgraphName, string>>;
}

/** Whoever asks another starts behind it, but for those of {@link BEFORE_RELATIONAL}. */
const ORDER: readonly SubgraphName[] = ['object', 'runs', 'graph', 'relational', 'inference', 'vector'];
/** They ask relational, which asks graph, and inference behind it; and runs asks object. */
const BEFORE_RELATIONAL: readonly SubgraphName[] = ['object', 'runs', 'graph'];

/** Starts all of them on free ports. @param env what they and the gateway share: stores, secrets, the folder */
export async function startApart(env: Record<string, string>, log: Logger): Promise<ApartSubgraphs> {
  const servers: SubgraphServer[] = [];
  const variables: Record<string, string> = {};
  const urls: Partial<Record<SubgraphName, string>> = {};
  // Where relational is, before it is anywhere.
  const relational = await wireTo(0);
  const inference = await wireTo(0);
  const close = async (): Promise<void> => {
    for (const server of servers.reverse()) await server.close();
    await relational[Symbol.asyncDispose]();
    await inference[Symbol.asyncDispose]();
  };
  try {
    for (const name of ORDER) {
      const early = BEFORE_RELATIONAL.includes(name)
        ? { SUBGRAPH_RELATIONAL_URL: `http://127.0.0.1:${relational.port}/graphql` }
        : name === 'relational'
          ? { SUBGRAPH_INFERENCE_URL: `http://127.0.0.1:${inference.port}/graphql` }
          : {};
      const server = await startSubgraphServer(name, loadConfig({ ...env, ...variables, ...early }), log);
      servers.push(server);
      if (name === 'relational') relational.target = server.port;
      if (name === 'inference') inference.target = server.port;
      urls[name] = `${server.url}/graphql`;
      variables[`SUBGRAPH_${name.toUpperCase()}_URL`] = urls[name];
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { variables, urls: urls as Record<SubgraphName, string>, [Symbol.asyncDispose]: close };
}
