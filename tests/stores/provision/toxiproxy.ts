import { goProgram, goProgramUnavailable } from './go-program.ts';
import { startServer } from './server.ts';
import type { Store } from './store.ts';
import { TOXIPROXY } from './versions.ts';

/**
 * A proxy before other stores that makes them slow, silent or gone. Tests create the proxies they need through its HTTP
 * interface.
 */
export const toxiproxy: Store = {
  name: 'toxiproxy',
  title: `Toxiproxy ${TOXIPROXY.version.slice(1)}`,
  suites: ['tests/stores/toxiproxy.test.ts', 'tests/stores/run.test.ts'],
  available: (workplace) => goProgramUnavailable(workplace, 'toxiproxy', TOXIPROXY),
  start: async (workplace) => {
    const command = await goProgram(workplace, 'toxiproxy', TOXIPROXY);
    const server = await startServer({
      command,
      args: (port) => ['-host', '127.0.0.1', '-port', String(port)],
      cwd: workplace.data,
      env: { LOG_LEVEL: 'error' },
    });
    return { env: { TEST_TOXIPROXY_URL: `http://127.0.0.1:${server.port}` }, close: server.close };
  },
};
