/** The example agent that works in development mode, so that the first run stream a newcomer sees is a real one. */
import { originOf } from '#gateway/http/origin.ts';
import type { RunningServer } from '#gateway/server.ts';
import type { Config } from '#gateway/config/config.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { runLibrarian } from '#root/examples/librarian/librarian.ts';

/** What the librarian works with. */
const NEEDED = ['relational', 'runs', 'vector'];

/**
 * Starts the librarian in this process (one of its own would cost some 60 MB), as a client of the server like any
 * other.
 * @param server where it listens, and what it serves: where the librarian could not work it is not started
 * @returns what ends it; a run that is under way goes on at the next start
 */
export function startExamples(
  { port, supergraph }: Pick<RunningServer, 'port' | 'supergraph'>,
  { runLibrarian: wanted, ingestOnStart, server: { host } }: Config,
  log: Logger,
): () => Promise<void> {
  const served = new Set(supergraph.current.subgraphs.map(({ name }) => name));
  if (!wanted || !NEEDED.every((name) => served.has(name))) return () => Promise.resolve();
  const stop = new AbortController();
  const librarian = runLibrarian({
    // Not the public URL, whose proxy may not be there yet.
    url: originOf(host, port),
    signal: stop.signal,
    ...(ingestOnStart && { firstQuestion: 'Which packages retry?' }),
    onError: (error) => log.warn({ err: error }, 'The librarian could not work; it tries again.'),
  });
  return async () => {
    stop.abort(new DOMException('The server is stopping.', 'AbortError'));
    await librarian;
  };
}
