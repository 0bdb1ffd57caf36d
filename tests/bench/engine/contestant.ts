/** One gateway in a process of its own; told over IPC what to be, it tells its port, and later what it has used. */
import type { AddressInfo } from 'node:net';
import { composeSupergraph } from './data.ts';
import { CONTESTANTS, serve } from './contestants.ts';
import { answerUsage } from './usage.ts';

export interface Role {
  name: string;
  /** Ports of the subgraphs; undefined for subgraphs in this process. */
  ports: Record<string, number> | undefined;
}

answerUsage();
process.once('message', (role: Role) => void start(role));

async function start({ name, ports }: Role): Promise<void> {
  const urls =
    ports && new Map(Object.entries(ports).map(([subgraph, port]) => [subgraph, `http://127.0.0.1:${port}/graphql`]));
  const supergraphSdl = composeSupergraph((subgraph) => urls?.get(subgraph) ?? `http://${subgraph}.invalid/graphql`);
  try {
    const server = serve(await CONTESTANTS[name]!({ supergraphSdl, urls }));
    server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as AddressInfo).port }));
  } catch (error) {
    process.send!({ failed: (error as Error).message.split('\n')[0] });
  }
}
