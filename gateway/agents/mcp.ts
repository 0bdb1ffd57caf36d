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
import { isStream, sharedAmong, type Caller, type Operations } from '#gateway/admission/operations.ts';
import { decodeUtf8, parseJson, readBody, type BodyLimits } from '#gateway/http/body.ts';
import type { Exchange, Handler } from '#gateway/http/exchange.ts';
import { resultText } from '#gateway/respond/result-text.ts';
import { logFailure } from '#gateway/telemetry/log-failure.ts';
import { withPlainNumbers } from '#subgraphs/shared/exact-number.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { AGENTS } from '#gateway/bounds/agents.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { MCP_PATH } from './mcp-path.ts';
import type { ResourceMetadata } from './resource-metadata.ts';
import { schemaSearch, type SchemaSearch } from './schema-search.ts';
import { addTools, type Page } from './tools.ts';

/** Bounds are said in `AGENTS` (gateway/bounds/agents.ts), with their defaults. */
export interface McpOptions extends Partial<BoundValues<typeof AGENTS>> {
  operations: Operations;
  /** The API schema that serves now. */
  schema(): GraphQLSchema;
  /** @throws CodedError `UNAUTHENTICATED` */
  authenticate(authorization: string | undefined): Promise<Principal>;
  /** Where users of agents sign in; undefined where nobody has to. */
  resource: ResourceMetadata | undefined;
  body: BodyLimits;
  /** What an answer may come to; those to one request may together come to `answerBytes` at the most. */
  budget: BudgetLimits;
  log: Logger;
}

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

  const { batch = AGENTS.batch, answerBytes = AGENTS.answerBytes } = options;
  const budget = { ...options.budget, bytes: Math.min(options.budget.bytes, answerBytes) };
  const most = options.longestPage ?? AGENTS.longestPage;
  const page = { usual: Math.min(options.pageCharacters ?? AGENTS.pageCharacters, most), most };

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
    // A token for this server is not passed on to others, whatever headers are (the protocol's rule against passthrough).
    const { authorization, ...headers } = request.headers;
    const principal = (exchange.principal = await options.authenticate(authorization).catch((error: unknown) => {
      throw options.resource?.explain(error, authorization) ?? error;
    }));
    const read = await readMessage(exchange, options.body);
    if ('malformed' in read) {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', error: read.malformed, id: null }));
      return true;
    }
    const { body } = read;
    const messages = Array.isArray(body) ? body.length : 1;
    if (messages > batch) throw badUserInput(`A batch may have at most ${batch} messages; this one has ${messages}.`);
    const shares = sharedAmong(Math.max(messages, 1), budget);
    const [{ McpServer }, { StreamableHTTPServerTransport }] = await Promise.all([
      import('@modelcontextprotocol/sdk/server/mcp.js'),
      import('@modelcontextprotocol/sdk/server/streamableHttp.js'),
    ]);
    const server = new McpServer({ name: 'tributary', version: '0.1.0' }, { instructions: INSTRUCTIONS });
    addTools(server, {
      search,
      page,
      query: (parameters, asked = { offset: 0, limit: page.usual }) =>
        query(options, parameters, { principal, requestId, signal, headers, ...shares }, asked),
    });
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
    acceptJson(request);
    response.once('close', () => {
      server.close().catch((error: unknown) => options.log.warn({ err: error }, 'A session of MCP was not closed.'));
    });
    await server.connect(transport);
    await transport.handleRequest(request, response, body);
    return true;
  };
}

/**
 * Clients of the protocol take JSON and event streams (and say so); this server answers with JSON alone, so it is enough
 * to take that, or anything. The SDK would refuse; it reads the headers in either form.
 */
function acceptJson(request: Exchange['request']): void {
  const { accept } = request.headers;
  if (accept !== undefined && !/\*\/\*|\bapplication\/(?:\*|json\b)/i.test(accept)) return;
  const both = 'application/json, text/event-stream';
  request.headers.accept = both;
  request.rawHeaders.push('accept', both);
}

/** JSON-RPC's code of a text that is not JSON (https://www.jsonrpc.org/specification, section 5.1). */
const PARSE_ERROR = -32700;

async function readMessage(
  { request }: Exchange,
  limits: BodyLimits,
): Promise<{ body: unknown } | { malformed: { code: number; message: string; data: object } }> {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    request.resume();
    throw new CodedError('BAD_USER_INPUT', 'The content type must be application/json.');
  }
  const bytes = await readBody(request, limits);
  try {
    return { body: withPlainNumbers(parseJson(decodeUtf8(bytes), limits), 'variables') };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return { malformed: { code: PARSE_ERROR, message: error.message, data: error.extensions } };
  }
}

/** The variables that a tool was called with: an object, JSON text of one, or what models write for none. */
function variablesOf(variables: unknown, limits: BodyLimits): unknown {
  if (typeof variables !== 'string') return variables ?? undefined;
  return variables.trim() === '' ? undefined : (parseJson(variables, limits, '`variables`') ?? undefined);
}

/**
 * Runs a query for a tool; everything that an operation may not do is told as a tool's error, which the model reads.
 */
async function query(
  { operations, log, body }: McpOptions,
  parameters: { variables?: unknown },
  caller: Caller,
  page: Page,
): Promise<CallToolResult> {
  try {
    const variables = variablesOf(parameters.variables, body);
    const operation = operations.admit(
      { ...parameters, variables },
      {
        ...caller,
        asText: true,
        allow: ['query'],
        notAllowed: (type) =>
          new CodedError('FORBIDDEN', `A ${type} cannot be sent this way.`, {
            hint: 'This tool only reads. Send mutations and subscriptions to the GraphQL endpoint.',
          }),
      },
    );
    const result = await operation.run();
    if (isStream(result))
      throw new CodedError('BAD_USER_INPUT', 'This tool does not answer in parts; leave out `@defer`.');
    return toToolResult(result, page);
  } catch (error) {
    if (error instanceof OperationRefused) return toToolResult({ errors: error.errors }, page);
    if (error instanceof CodedError)
      return toToolResult({ errors: [new GraphQLError(error.message, { extensions: error.extensions })] }, page);
    logFailure(log, 'A tool failed.', error, caller);
    return toToolResult(
      {
        errors: [
          new GraphQLError('Something went wrong in the gateway.', {
            extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: caller.requestId },
          }),
        ],
      },
      page,
    );
  }
}

/** One page of the answer's text, and where the next one begins. A short answer is one page, and all JSON. */
function toToolResult(result: ExecutionResult, { offset, limit }: Page): CallToolResult {
  const whole = resultText(result);
  const isError = result.data == null && result.errors !== undefined;
  if (offset === 0 && whole.length <= limit) return { content: [{ type: 'text', text: whole }], isError };
  const start = wholeCharacter(whole, Math.min(offset, whole.length));
  const end = wholeCharacter(whole, Math.min(start + limit, whole.length));
  const next =
    end < whole.length
      ? `Call again with \`offset\`: ${end} for the next, or ask for less: smaller \`first\`, fewer fields.`
      : 'These are the last.';
  return {
    content: [
      { type: 'text', text: whole.slice(start, end) },
      { type: 'text', text: `Characters ${start} to ${end} of ${whole.length}. ${next}` },
    ],
    isError,
  };
}

/** `at`, or the place before it where it would tear a character apart. */
function wholeCharacter(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return at > 0 && unit >= 0xdc00 && unit <= 0xdfff ? at - 1 : at;
}
