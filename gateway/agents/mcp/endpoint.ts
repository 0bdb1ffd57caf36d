/**
 * The Model Context Protocol endpoint (streamable HTTP, stateless): a few tools over the same pipeline as every other
 * transport.
 */
import { parse, validate, type GraphQLSchema } from 'graphql';
import type { BudgetLimits } from '#subgraphs/shared/budget.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { isApiKey } from '#gateway/auth/api-keys.ts';
import type { Authenticator } from '#gateway/auth/authenticator.ts';
import { sharedAmong, type Caller, type Operations } from '#gateway/admission/operations.ts';
import { decodeUtf8, parseJson, readBody, type BodyLimits } from '#gateway/http/body.ts';
import type { RequestLimits } from '#gateway/limits/request-limits.ts';
import type { Exchange, Handler } from '#gateway/http/exchange.ts';
import { withPlainNumbers } from '#subgraphs/shared/exact-number.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { AGENTS } from '#gateway/bounds/agents.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { Calls } from './calls.ts';
import { INVALID_PARAMS, tellingFaults } from './invalid-params.ts';
import { MCP_PATH } from './path.ts';
import type { ResourceMetadata } from './resource-metadata.ts';
import { schemaSearch, type EmbedTexts, type SchemaSearch } from '../schema-search.ts';
import { takenAsMeant } from './taken-as-meant.ts';
import { addTools } from './tools.ts';
import { mcpTransport } from './transport.ts';

/** Bounds are said in `AGENTS` (gateway/bounds/agents.ts), with their defaults. */
export interface McpOptions extends Partial<BoundValues<typeof AGENTS>> {
  operations: Operations;
  /** The API schema that serves now. */
  schema(): GraphQLSchema;
  /** @throws CodedError `UNAUTHENTICATED` */
  authenticate: Authenticator['authenticate'];
  /** Where users of agents sign in; undefined where nobody has to. */
  resource: ResourceMetadata | undefined;
  /** Finds parts of the schema by what they mean. @default they are found by their words */
  embed?: EmbedTexts | undefined;
  /** Whether agents are given a tool that sends mutations; each asks for its scope all the same. @default false */
  mutates?: boolean;
  /** Who may see what of the schema no list of operations tells. @default everybody */
  mayExplore?: ((caller: Pick<Caller, 'principal' | 'requestId' | 'address'>) => boolean) | undefined;
  body: BodyLimits;
  /** Of callers and their tenants: each message counts. @default none */
  limits?: Pick<RequestLimits, 'operation' | 'further'> | undefined;
  /** What an answer may come to; those to one request may together come to `answerBytes` at the most. */
  budget: BudgetLimits;
  log: Logger;
}

/** As the audit log has it that a caller may not see the schema. */
export const SEARCH_REFUSED = { action: 'search_schema', code: 'QUERY_NOT_IN_SAFELIST' } as const;

const INSTRUCTIONS =
  'One GraphQL API over documents, a knowledge graph, vectors, objects, models and agent runs. ' +
  'For passages of documents call search. For all else find fields with search_schema, then run queries with execute. ' +
  'Lists page with `first` and `after`.';

/** What clients may keep, and not share: what there is may differ by who asks. It changes when the server does. */
const HINT = { ttlMs: AGENTS.keptMs, cacheScope: 'private' } as const;
const CACHE_HINTS = {
  'server/discover': HINT,
  'tools/list': HINT,
  'resources/list': HINT,
  'resources/templates/list': HINT,
};

/** Answers at `/mcp`. */
export function mcpEndpoint(options: McpOptions): Handler {
  const searches = new WeakMap<GraphQLSchema, SchemaSearch>();
  const search = (): SchemaSearch => {
    const schema = options.schema();
    let made = searches.get(schema);
    if (made === undefined) searches.set(schema, (made = schemaSearch(schema, options.embed)));
    return made;
  };

  const fitting = new WeakMap<GraphQLSchema, Map<string, boolean>>();
  const fits = (operation: string): boolean => {
    const schema = options.schema();
    const known = fitting.get(schema) ?? new Map<string, boolean>();
    fitting.set(schema, known);
    if (!known.has(operation)) known.set(operation, validate(schema, parse(operation)).length === 0);
    return known.get(operation)!;
  };
  const transport = mcpTransport(options.log);
  const { batch = AGENTS.batch, answerBytes = AGENTS.answerBytes, mutates = false } = options;
  const budget = { ...options.budget, bytes: Math.min(options.budget.bytes, answerBytes) };
  const most = options.longestPage ?? AGENTS.longestPage;
  const page = { usual: Math.min(options.pageCharacters ?? AGENTS.pageCharacters, most), most };

  return async (exchange) => {
    const { path, request, response, requestId, signal } = exchange;
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
    // A token or key for this server is not passed on to others, whatever headers are (the protocol's rule against passthrough).
    const { authorization, 'x-api-key': apiKey, ...others } = request.headers;
    const headers = typeof apiKey === 'string' && !isApiKey(apiKey) ? { ...others, 'x-api-key': apiKey } : others;
    const principal = (exchange.principal = await options
      .authenticate(authorization, request)
      .catch((error: unknown) => {
        throw options.resource?.explain(error, authorization) ?? error;
      }));
    const { address, tellQuotas } = exchange;
    await options.limits?.operation({ principal, address }, tellQuotas);
    const read = await readMessage(exchange, options.body);
    if ('malformed' in read) {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', error: read.malformed, id: read.id }));
      return true;
    }
    const { body } = read;
    const messages = Array.isArray(body) ? body.length : 1;
    if (messages > batch) throw badUserInput(`A batch may have at most ${batch} messages; this one has ${messages}.`);
    await options.limits?.further({ principal, address }, messages - 1, tellQuotas);
    const shares = sharedAmong(Math.max(messages, 1), budget);
    const calls = new Calls(
      {
        ...options,
        page,
        search,
        fits,
        mayExplore: () => options.mayExplore?.({ principal, requestId, address }) !== false,
      },
      { principal, address, span: exchange.span, tellQuotas, requestId, signal, headers, ...shares },
    );
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
        addTools(server, calls, { mutates });
        addResources(server, calls);
        return tellingFaults(server);
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

/** JSON-RPC's code of a text that is not JSON (https://www.jsonrpc.org/specification, section 5.1). */
const PARSE_ERROR = -32700;

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
