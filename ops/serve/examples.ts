/** The example agent that works in development mode, so that the first run stream a newcomer sees is a real one. */
import type { Config } from '#gateway/config/config.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { runLibrarian } from '#root/examples/librarian/librarian.ts';

/**
 * Starts the librarian in this process (one of its own would cost some 60 MB), as a client of the server like any
 * other.
 * @param port where the server listens
 * @returns what ends it; a run that is under way goes on at the next start
 */
export function startExamples(
  port: number,
  { runLibrarian: wanted, ingestOnStart, server: { host } }: Config,
  log: Logger,
): () => Promise<void> {
  if (!wanted) return () => Promise.resolve();
  const stop = new AbortController();
  const librarian = runLibrarian({
    // Not the public URL, whose proxy may not be there yet.
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    signal: stop.signal,
    ...(ingestOnStart && { firstQuestion: 'Which packages retry?' }),
    onError: (error) => log.warn({ err: error }, 'The librarian could not work; it tries again.'),
  });
  return async () => {
    stop.abort(new DOMException('The server is stopping.', 'AbortError'));
    await librarian;
  };
}
