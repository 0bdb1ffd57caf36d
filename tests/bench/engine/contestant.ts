/** One gateway in a process of its own; told over IPC what to be, it tells its port, and later what it has used. */
import type { AddressInfo } from 'node:net';
import { composeSupergraph } from './data.ts';
import { CONTESTANTS, serve } from './contestants.ts';

export interface Role {
  name: string;
  /** Ports of the subgraphs; undefined for subgraphs in this process. */
  ports: Record<string, number> | undefined;
}

/** What the process has used, all of its threads included. */
export interface Usage {
  cpuMs: number;
  rssMb: number;
  /** After a collection, where the process may force one. */
  heapMb: number;
}

process.once('disconnect', () => process.exit());
process.on('message', (message: Role | 'usage') => {
  if (message === 'usage') process.send!(usage());
  else void start(message);
});

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuMs: (user + system) / 1_000, rssMb: rss / 1_048_576, heapMb: heapUsed / 1_048_576 };
}

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
