/**
 * `npm run --silent mcp`: the Model Context Protocol over standard input and output, for hosts that start their servers as
 * programs. It passes messages on to `/mcp` of a running server, and what that answers back; so it keeps nothing, and all
 * revisions that the server knows are answered.
 *
 * Exit codes: 0 the host closed the input, 2 it was called wrongly.
 */
import { parseArgs } from 'node:util';
import { serverAddress } from './ingest/over-http.ts';
import { bridge } from './mcp/bridge.ts';
import { tellUsage } from './serve/explain.ts';

const USAGE = `Usage: npm run -s mcp -- [--url http://127.0.0.1:4000/graphql] [--token <access token or API key>]

Speaks the Model Context Protocol over standard input and output, as a host that starts it expects, and asks a running
server. The token may also come from TRIBUTARY_TOKEN.`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { url: { type: 'string' }, token: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) return tellUsage(USAGE, true);
  const { url, token } = serverAddress(values);
  await bridge({
    url: new URL('mcp', url).href,
    token,
    input: process.stdin,
    write: (message) => void process.stdout.write(`${message}\n`),
    tell: (line) => console.error(line),
  });
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
