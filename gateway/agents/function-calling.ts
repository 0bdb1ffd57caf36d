/**
 * The agents' tools for stacks that speak no Model Context Protocol: as functions for models (`tools` of OpenAI's chat completions and
 * of its responses), as JSON Schema, and as OpenAPI, by which tool servers are added to Open WebUI and its like.
 */
import type { CallToolResult } from '@modelcontextprotocol/server';
import { decodeUtf8, parseJson, readBody } from '#gateway/http/body.ts';
import { sendJson, sendJsonText, type Exchange, type Handler } from '#gateway/http/exchange.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { withPlainNumbers } from '#subgraphs/shared/exact-number.ts';
import type { AgentRequests } from './agent-requests.ts';
import { argumentsAsMeant, isObject } from './arguments-as-meant.ts';
import { CONVENTIONS } from './schema-outlines.ts';
import { toldIssues } from './told-issues.ts';
import { parametersOf } from './arguments-of.ts';
import type { AgentTool } from './tools.ts';

const PATH = /^\/agents\/(?:tools(?:\/(?<name>[^/]+))?|(?<openapi>openapi\.json))\/?$/;

/** Answers at `GET /agents/tools`, `POST /agents/tools/:name` and `GET /agents/openapi.json`. */
export function functionCalling(agents: AgentRequests): Handler {
  return async (exchange) => {
    const { path, request, response } = exchange;
    const match = PATH.exec(path);
    if (match === null) return false;
    const { name, openapi } = match.groups!;
    const method = name === undefined ? 'GET' : 'POST';
    if (request.method !== method && !(method === 'GET' && request.method === 'HEAD')) {
      request.resume();
      response.writeHead(405, { allow: `${method}, OPTIONS` }).end();
      return true;
    }
    await agents.arrive(exchange);
    const calls = await agents.calls(exchange, 1);
    const tools = agents.tools(calls);
    if (openapi !== undefined) sendJson(exchange, 200, openApi(tools));
    else if (name === undefined) sendJson(exchange, 200, listed(tools, formatOf(request.url)));
    else await call(exchange, agents, tools, name);
    return true;
  };
}

async function call(
  exchange: Exchange,
  agents: AgentRequests,
  tools: readonly AgentTool[],
  name: string,
): Promise<void> {
  const { request } = exchange;
  const tool = tools.find((each) => each.name === name);
  if (tool === undefined) {
    request.resume();
    throw new CodedError('NOT_FOUND', 'There is no such tool.', {
      hint: `There are: ${tools.map((each) => each.name).join(', ')}. AGENT_CAPABILITIES says which there may be.`,
    });
  }
  const given = await readArguments(exchange, agents);
  const read = tool.input.safeParse(given);
  if (!read.success) {
    throw badUserInput(`These are no arguments of ${name}: ${toldIssues(read.error.issues)}`, {
      hint: `It takes: ${Object.keys(tool.input.shape).join(', ') || 'nothing'}.`,
    });
  }
  sendJsonText(exchange, 200, answerOf(await tool.call(read.data)));
}

async function readArguments({ request }: Exchange, { body: limits }: AgentRequests): Promise<unknown> {
  const bytes = await readBody(request, limits);
  if (bytes.length === 0) return {};
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? ''))
    throw badUserInput('The content type must be application/json.', { extensions: { http: { status: 415 } } });
  return withPlainNumbers(argumentsAsMeant(parseJson(decodeUtf8(bytes), limits), limits), 'variables');
}

/**
 * What a model reads, as JSON: the answer itself where it is whole, as it was written, so that long numbers keep their digits; else
 * a page of its text and how to have the next.
 */
function answerOf({ structuredContent, content: [first] }: CallToolResult): string {
  return isObject(structuredContent) && 'text' in structuredContent
    ? JSON.stringify(structuredContent)
    : (first as { text: string }).text;
}

const FORMATS = ['chat-completions', 'responses', 'json-schema'] as const;
type Format = (typeof FORMATS)[number];

/** @throws CodedError `BAD_USER_INPUT` */
function formatOf(url: string | undefined): Format {
  const asked = new URL(url ?? '/', 'http://localhost').searchParams.get('format') ?? FORMATS[0];
  const format = FORMATS.find((each) => each === asked);
  if (format === undefined)
    throw badUserInput('`format` is none that there is.', { hint: `There are: ${FORMATS.join(', ')}.` });
  return format;
}

function listed(tools: readonly AgentTool[], format: Format): object {
  switch (format) {
    case 'chat-completions':
      return {
        tools: tools.map((tool) => ({
          type: 'function',
          function: { name: tool.name, description: tool.description, parameters: parametersOf(tool.input) },
        })),
      };
    case 'responses':
      return {
        tools: tools.map((tool) => ({
          type: 'function',
          name: tool.name,
          description: tool.description,
          parameters: parametersOf(tool.input),
          strict: false,
        })),
      };
    case 'json-schema':
      return {
        tools: tools.map((tool) => ({
          name: tool.name,
          description: tool.description,
          readOnly: tool.reads,
          destructive: tool.destructive,
          inputSchema: parametersOf(tool.input),
          outputSchema: tool.output,
        })),
      };
  }
}

/** https://spec.openapis.org/oas/v3.1.1 */
function openApi(tools: readonly AgentTool[]): object {
  const error = {
    description: 'Why it was refused.',
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Errors' } } },
  };
  return {
    openapi: '3.1.1',
    info: {
      title: 'Tributary',
      description: `Documents, a knowledge graph, vectors, objects, models and agent runs. ${CONVENTIONS}`,
      version: '0.1.0',
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, {}],
    paths: Object.fromEntries(
      tools.map((tool) => [
        `/agents/tools/${tool.name}`,
        {
          post: {
            operationId: tool.name,
            summary: tool.description,
            description: tool.description,
            requestBody: { required: true, content: { 'application/json': { schema: parametersOf(tool.input) } } },
            responses: {
              200: {
                description: 'What came of it; `errors` where it failed.',
                content: { 'application/json': { schema: tool.output } },
              },
              default: error,
            },
          },
        },
      ]),
    ),
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'An access token or API key.' } },
      schemas: {
        Errors: {
          type: 'object',
          required: ['errors'],
          properties: {
            errors: {
              type: 'array',
              items: {
                type: 'object',
                required: ['message', 'extensions'],
                properties: {
                  message: { type: 'string' },
                  extensions: {
                    type: 'object',
                    properties: { code: { type: 'string' }, hint: { type: 'string' }, requestId: { type: 'string' } },
                  },
                },
              },
            },
          },
        },
      },
    },
  };
}
