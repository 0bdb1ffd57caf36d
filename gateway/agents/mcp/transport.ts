/**
 * How a message of the Model Context Protocol reaches the SDK and its answer the client. Two eras are served: revisions up
 * to 2025-11-25, whose clients shake hands first, and 2026-07-28, whose messages each carry all that they need
 * (https://modelcontextprotocol.io/specification/2026-07-28/basic/transports). Neither keeps a session.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { McpServer } from '@modelcontextprotocol/server';
import { AGENTS } from '#gateway/bounds/agents.ts';
import type { Exchange } from '#gateway/http/exchange.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';

/** Makes the server that answers one message. */
type ServerOf = () => McpServer;

export interface McpTransport {
  /** @param alone whether the client takes event streams and nothing else */
  serve(exchange: Exchange, body: unknown, serverOf: ServerOf, alone: boolean): Promise<void>;
}

/** The SDK is loaded with the first message. */
export function mcpTransport(log: Logger): McpTransport {
  const servers = new WeakMap<Request, ServerOf>();
  let loaded: Promise<Loaded> | undefined;

  async function load() {
    const sdk = await import('@modelcontextprotocol/server');
    const onerror = (error: Error): void => log.debug({ err: error }, 'A message of MCP was refused.');
    const byForm = (responseMode: 'auto' | 'sse') =>
      sdk.createMcpHandler(({ requestInfo }) => servers.get(requestInfo!)!(), {
        legacy: 'reject',
        responseMode,
        maxSubscriptions: AGENTS.listening,
        onerror,
      });
    return { ...sdk, json: byForm('auto'), events: byForm('sse') };
  }
  type Loaded = Awaited<ReturnType<typeof load>>;

  return {
    async serve(exchange, body, serverOf, alone) {
      const sdk = await (loaded ??= load());
      const request = webRequest(exchange);
      servers.set(request, serverOf);
      let answer: Response;
      if (!(await sdk.isLegacyRequest(request, body))) {
        answer = await (alone ? sdk.events : sdk.json).fetch(request, { parsedBody: body });
      } else {
        const server = serverOf();
        const transport = new sdk.WebStandardStreamableHTTPServerTransport({ enableJsonResponse: !alone });
        exchange.response.once('close', () => {
          server.close().catch((error: unknown) => log.warn({ err: error }, 'A session of MCP was not closed.'));
        });
        await server.connect(transport);
        answer = await transport.handleRequest(request, { parsedBody: body });
      }
      await respond(exchange, answer);
    },
  };
}

/** Without its body, which is read already. */
function webRequest({ request, signal }: Exchange): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers))
    for (const each of Array.isArray(value) ? value : [value]) if (each !== undefined) headers.append(name, each);
  return new Request(`http://${request.headers.host ?? 'localhost'}/mcp`, { method: 'POST', headers, signal });
}

async function respond({ response, signal }: Exchange, answer: Response): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.body === null) {
    response.end();
    return;
  }
  try {
    await pipeline(Readable.fromWeb(answer.body as never), response, { signal });
  } catch (error) {
    // The client left, or the server's patience ended: there is nobody to tell.
    if (!signal.aborted) throw error;
  }
}
