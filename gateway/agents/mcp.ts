/**
 * The Model Context Protocol endpoint (streamable HTTP, stateless): a few tools over the same pipeline as every other
 * transport. The SDK is loaded with the first request.
 */
import { GraphQLError, type ExecutionResult, type GraphQLSchema } from 'graphql';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import type { Principal } from '#subgraphs/shared/context.ts';
import type { BudgetLimits } from '#subgraphs/shared/budget.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { OperationRefused } from '#gateway/admission/documents.ts';
import { isStream, type Caller, type Operations } from '#gateway/admission/operations.ts';
import { decodeUtf8, parseJson, readBody, type BodyLimits } from '#gateway/http/body.ts';
import type { Exchange, Handler } from '#gateway/http/exchange.ts';
import { resultText } from '#gateway/respond/result-text.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { schemaSearch, type SchemaSearch } from './schema-search.ts';
import { addTools } from './tools.ts';

export interface McpOptions {
  operations: Operations;
  /** The API schema that serves now. */
  schema(): GraphQLSchema;
  /** @throws CodedError `UNAUTHENTICATED` */
  authenticate(authorization: string | undefined): Promise<Principal>;
  body: BodyLimits;
  /** Most messages in one request. */
  maxBatch: number;
  /** What the answers to one request may come to. */
  budget: BudgetLimits;
  log: Logger;
}

export const MCP_PATH = '/mcp';

const INSTRUCTIONS =
  'One GraphQL API over documents, a knowledge graph, vectors, objects, models and agent runs. ' +
  'Find fields with search_schema, then run read-only queries with execute. Lists page with `first` and `after`.';

/** Answers at `/mcp`. */
export function mcpEndpoint(options: McpOptions): Handler {
  const searches = new WeakMap<GraphQLSchema, SchemaSearch>();
  const search = (): SchemaSearch => {
    const schema = options.schema();
    let made = searches.get(schema);
    if (made === undefined) searches.set(schema, (made = schemaSearch(schema)));
    return made;
  };

  return async (exchange) => {
    const { path, request, response, requestId, signal } = exchange;
    if (path !== MCP_PATH) return false;
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
    const principal = await options.authenticate(request.headers.authorization);
    const body = await readMessage(exchange, options.body);
    const messages = Array.isArray(body) ? body.length : 1;
    if (messages > options.maxBatch)
      throw badUserInput(`A batch may have at most ${options.maxBatch} messages; this one has ${messages}.`);
    const budget = shared(options.budget, messages);
    const [{ McpServer }, { StreamableHTTPServerTransport }] = await Promise.all([
      import('@modelcontextprotocol/sdk/server/mcp.js'),
      import('@modelcontextprotocol/sdk/server/streamableHttp.js'),
    ]);
    const server = new McpServer({ name: 'tributary', version: '0.1.0' }, { instructions: INSTRUCTIONS });
    addTools(server, {
      search,
      query: (parameters) =>
        query(options, parameters, { principal, requestId, signal, headers: request.headers, budget }),
    });
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
    response.once('close', () => void server.close());
    await server.connect(transport);
    await transport.handleRequest(request, response, body);
    return true;
  };
}

/** What each message of a batch may answer: together no more than one alone. */
const shared = ({ nodes, bytes }: BudgetLimits, messages: number): BudgetLimits => ({
  nodes: Math.floor(nodes / Math.max(messages, 1)),
  bytes: Math.floor(bytes / Math.max(messages, 1)),
});

async function readMessage({ request }: Exchange, limits: BodyLimits): Promise<unknown> {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    request.resume();
    throw new CodedError('BAD_USER_INPUT', 'The content type must be application/json.');
  }
  return parseJson(decodeUtf8(await readBody(request, limits)), limits);
}

/**
 * Runs a query for a tool; everything that an operation may not do is told as a tool's error, which the model reads.
 */
async function query({ operations, log }: McpOptions, parameters: unknown, caller: Caller): Promise<CallToolResult> {
  try {
    const operation = operations.admit(parameters, {
      ...caller,
      asText: true,
      allow: ['query'],
      allowHint: 'This tool only reads. Send mutations and subscriptions to the GraphQL endpoint.',
    });
    const result = await operation.run();
    if (isStream(result))
      throw new CodedError('BAD_USER_INPUT', 'This tool does not answer in parts; leave out `@defer`.');
    return toToolResult(result);
  } catch (error) {
    if (error instanceof OperationRefused) return toToolResult({ errors: error.errors });
    if (error instanceof CodedError)
      return toToolResult({ errors: [new GraphQLError(error.message, { extensions: error.extensions })] });
    log.error({ err: error, requestId: caller.requestId }, 'A tool failed.');
    return toToolResult({
      errors: [
        new GraphQLError('Something went wrong in the gateway.', {
          extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: caller.requestId },
        }),
      ],
    });
  }
}

const toToolResult = (result: ExecutionResult): CallToolResult => ({
  content: [{ type: 'text', text: resultText(result) }],
  isError: result.data == null && result.errors !== undefined,
});
