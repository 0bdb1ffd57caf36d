// Plain JavaScript that loads next to nothing: an orchestrator asks every few seconds, in a process of its own each time.
import { get } from 'node:http';

/** How long a server may take to answer; its own probes of stores take 2 seconds at most. */
const PATIENCE_MS = 5_000;

/** Where a server that listens on all addresses is reached from its own machine. */
const OWN = { '': '127.0.0.1', '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * Asks the server that listens at `HOST` and `PORT` of an environment whether it is ready. Never rejects.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ ready: boolean, line: string }>}
 */
export function askHealth({ HOST = '', PORT = '' }) {
  const host = OWN[HOST] ?? HOST;
  const port = Number(PORT || 4000);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    return Promise.resolve({
      ready: false,
      line: `PORT is ${JSON.stringify(PORT)}; set it to the port that the server has.`,
    });
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/health/ready`;
  return new Promise((resolve) => {
    const fail = (error) =>
      resolve({ ready: false, line: `Not ready: ${url} does not answer (${error.code ?? error.message}).` });
    try {
      const request = get(url, { agent: false, timeout: PATIENCE_MS }, (response) => {
        const { statusCode } = response;
        response.destroy();
        const ready = statusCode === 200;
        resolve({ ready, line: `${ready ? 'Ready' : 'Not ready'}: ${url} answers ${statusCode}.` });
      });
      request.on('timeout', () => request.destroy(Object.assign(new Error(), { code: `after ${PATIENCE_MS} ms` })));
      request.on('error', fail);
    } catch (error) {
      fail(error);
    }
  });
}
