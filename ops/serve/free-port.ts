/** Whether the server will be able to listen, asked before stores are started for it. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * @param port 0 lets the system choose, which is always possible
 * @throws the system's error, such as `EADDRINUSE`, where nothing more can listen there
 */
export async function requireFreePort(host: string, port: number): Promise<void> {
  if (port === 0) return;
  const server = createServer();
  server.listen({ host, port, exclusive: true });
  await once(server, 'listening');
  await new Promise((resolve) => server.close(resolve));
}
