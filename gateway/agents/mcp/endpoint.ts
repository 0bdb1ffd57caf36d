/**
 * The Model Context Protocol endpoint (streamable HTTP, stateless): a few tools over the same pipeline as every other
 * transport.
 */
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { decodeUtf8, parseJson, readBody, type BodyLimits } from '#gateway/http/body.ts';
import { sendJson, type Exchange, type Handler } from '#gateway/http/exchange.ts';
import { withPlainNumbers } from '#subgraphs/shared/exact-number.ts';
import { AGENTS } from '#gateway/bounds/agents.ts';
import type { AgentRequests } from '../agent-requests.ts';
import { CONVENTIONS } from '../schema-outlines.ts';
import { addViews } from './apps.ts';
import { INVALID_PARAMS, PARSE_ERROR } from './codes.ts';
import { tellingFaults } from './invalid-params.ts';
import { MCP_PATH } from './path.ts';
import type { ResourceMetadata } from './resource-metadata.ts';
import { takenAsMeant } from './taken-as-meant.ts';
import { executionOf, haveTasks, refusedListening, withTasks } from './tasks.ts';
import { addPrompts, addTools } from './tools.ts';
import { mcpTransport } from './transport.ts';

export interface McpOptions {
  /** Where users of agents sign in; undefined where nobody has to. */
  resource: ResourceMetadata | undefined;
  /** The most messages in one request. */
  batch?: number | undefined;
}

const INSTRUCTIONS =
  'One GraphQL API over documents, a knowledge graph, vectors, objects, models and agent runs. ' +
  'For passages of documents call search. For all else find fields with search_schema, then run queries with execute. ' +
  CONVENTIONS;

/** What clients may keep, and not share: what there is may differ by who asks. It changes when the server does. */
const HINT = { ttlMs: AGENTS.keptMs, cacheScope: 'private' } as const;
const CACHE_HINTS = {
  'server/discover': HINT,
  'tools/list': HINT,
  'prompts/list': HINT,
  'resources/list': HINT,
  'resources/templates/list': HINT,
};

/** Answers at `/mcp`. */
export function mcpEndpoint(agents: AgentRequests, { resource, batch = AGENTS.batch }: McpOptions): Handler {
  const transport = mcpTransport(agents.log);

  return async (exchange) => {
    const { path, request, response } = exchange;
    // Many clients' documentation writes it with a slash behind.
    if (path !== MCP_PATH && path !== `${MCP_PATH}/`) return false;
    if (request.method !== 'POST') {
      // Stateless: there is no stream to open (GET) and no session to end (DELETE).
      request.resume();
      response.writeHead(405, { allow: 'POST, OPTIONS', 'content-type': 'application/json' });
      response.end(
        JSON.stringify({
          jsonrpc: '2.0',
          error: { code: -32000, message: 'Send messages with POST; this server keeps no sessions.' },
          id: null,
        }),
      );
      return true;
    }
    await agents.arrive(exchange, (error) => resource?.explain(error, request.headers.authorization) ?? error);
    const read = await readMessage(exchange, agents.body);
    if ('malformed' in read) {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', error: read.malformed, id: read.id }));
      return true;
    }
    const { body } = read;
    const messages = Array.isArray(body) ? body.length : 1;
    if (messages > batch) throw badUserInput(`A batch may have at most ${batch} messages; this one has ${messages}.`);
    const calls = await agents.calls(exchange, messages);
    const tools = agents.tools(calls);
    const tasks = haveTasks(tools, calls);
    const refused = tasks ? refusedListening(body) : undefined;
    if (refused !== undefined) {
      sendJson(exchange, 400, refused);
      return true;
    }
    const [{ McpServer }, { addResources }] = await Promise.all([
      import('@modelcontextprotocol/server'),
      import('./resources.ts'),
    ]);
    await transport.serve(
      exchange,
      body,
      () => {
        const server = new McpServer(
          { name: 'tributary', version: '0.1.0' },
          { instructions: INSTRUCTIONS, cacheHints: CACHE_HINTS },
        );
        addTools(server, tools, tasks ? executionOf : () => undefined);
        addPrompts(
          server,
          tools.filter(({ isOperation }) => isOperation),
        );
        addResources(server, calls);
        addViews(server, new Set(tools.map(({ name }) => name)));
        return tellingFaults(tasks ? withTasks(server, calls) : server);
      },
      acceptBoth(request),
    );
    return true;
  };
}

/**
 * Clients of the protocol are to take JSON and event streams, and to say so; many take one of them, or say nothing. They
 * are answered with JSON, or with an event stream where they take nothing else. The SDK would refuse, and does where they
 * take neither.
 * @returns whether the client takes event streams alone
 */
function acceptBoth(request: Exchange['request']): boolean {
  const { accept } = request.headers;
  const json = accept === undefined || /\*\/\*|\bapplication\/(?:\*|json\b)/i.test(accept);
  if (!json && !/\btext\/(?:\*|event-stream\b)/i.test(accept)) return false;
  request.headers.accept = 'application/json, text/event-stream';
  return !json;
}

/** What is answered to a message that cannot be read. */
interface Malformed {
  readonly malformed: { readonly code: number; readonly message: string; readonly data: object };
  readonly id: unknown;
}

async function readMessage({ request }: Exchange, limits: BodyLimits): Promise<{ body: unknown } | Malformed> {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    request.resume();
    throw new CodedError('BAD_USER_INPUT', 'The content type must be application/json.');
  }
  const bytes = await readBody(request, limits);
  let given: unknown;
  try {
    given = parseJson(decodeUtf8(bytes), limits);
  } catch (error) {
    return malformed(error, PARSE_ERROR, null);
  }
  try {
    return { body: withPlainNumbers(takenAsMeant(given, limits), 'variables') };
  } catch (error) {
    return malformed(error, INVALID_PARAMS, (given as { id?: unknown }).id ?? null);
  }
}

function malformed(error: unknown, code: number, id: unknown): Malformed {
  if (!(error instanceof CodedError)) throw error;
  return { malformed: { code, message: error.message, data: error.extensions }, id };
}
